"""Defaults that the commands' options and the library share; nothing is imported here, since a help page reads them."""

AUTO = "auto"
"""The name of the choice that is made for the user: of a criterion, of one of `CLOSED_FORMS`, of a score."""
DEFAULT_CRITERION = AUTO
"""The criterion by which it is decided which channels stay."""
ACCURACY = "accuracy"
"""The score that is the metric itself."""
CLOSED_FORMS = ("asymmetric", "both")
"""The recoveries that are tried; of equally good ones the first is taken. The last is the quickest."""
DEFAULT_RECOVERY = AUTO
"""The recovery of the network that is kept: the closed form that is best on it."""
BLOCKWISE = "blockwise"
"""The recovery by gradients, of the one policy that is kept."""
SEARCH_RECOVERY = AUTO
"""The recovery of the networks that a search scores, by the hundred: the best closed form that is worth its time."""
CLASS_ORDER = "name"
"""The order in which the folders of an image folder's classes are numbered."""
COMPARED_STRATEGIES = ("ddpg", "uniform", "random")
"""The strategies that are compared where none are named; the first is the one that others are compared with."""
SEEDS = (0, 1, 2)
"""The seeds of a comparison where none are named."""
