"""Files and folders that notebooks, file managers and archives leave beside the images."""

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
"""Names in lower case."""


def is_ignored(name: str) -> bool:
    """Whether a file or folder of that name is hidden, or is one that programs leave behind."""
    return name.startswith((".", "~$")) or name.casefold() in LEFT_BY_PROGRAMS
