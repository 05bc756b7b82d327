"""Images: where they come from, how they are split, and how they reach a network in batches.

Read `load` first (`load_data`), then `find_data` (what a user may give), `images` (what every split offers), `splits`
and `sampling` (who gets what). Sources: `digits`, `cifar10`, `image_folder` (with `split_folders`, `class_folders`,
`class_order`, `ignored_files`), `flat_folder` (without labels), `user_data` and `user_loader` (with `fork_safety`,
`reopened_files`); each gives `unsplit_data`. Reading: `dataset`, `image_files`, `pixels`, `preprocess`, `image_size`,
`streamed`, `resident`, `lazy`, `augment`; `broken_files`, `image_check` find damage early, `class_mapping` matches
classes with a network's outputs.
"""
