"""Networks and their weights, from the words that a user gives for them.

Read `sources` first (`load_network`); `models/` has our own networks, `torchvision_networks` and `timm_networks` those
of others, `admission` and `finite` say what is accepted. Files of weights: `weight_files` loads them, `file_format`
tells kinds, `torch_file` reads without executing anything, `tensor_tree`, `weight_sets` and `weight_choice` find the
tensors that fit.
"""
