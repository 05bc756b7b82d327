"""Smaller networks from a mask of units; the network that is pruned is never changed.

Read `slicing` first: mask, selection of positions, compact network. `materialise_weights` prepares a network for that,
`reusable_network` and `inference_form` make compact networks fast to score, `masked_network` and `masked_statistics`
give the original with channels ignored, which a compact network must equal.
"""
