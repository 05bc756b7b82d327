"""Files and folders that are not part of the data: hidden ones, and what file managers and archives leave behind."""

LEFT_BY_PROGRAMS = frozenset(
    {
        "$recycle.bin",
        "#recycle",
        "@eadir",
        "@recycle",
        "__macosx",
        "__pycache__",
        "desktop.ini",
        "ehthumbs.db",
        "lost+found",
        "system volume information",
        "thumbs.db",
    }
)
"""Names, in lower case, of files and folders that programs leave behind."""


def is_ignored(name: str) -> bool:
    """Return whether a file or folder of that name is hidden, or is one that programs leave behind."""
    return name.startswith((".", "~$")) or name.casefold() in LEFT_BY_PROGRAMS
