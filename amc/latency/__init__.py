"""How long networks take on a device, measured and predicted for any kept counts.

Read `latency_comparison` (networks measured against each other), then `latency_model` (the cost that a search uses);
`table`, `layer_latency`, `layer_shapes` and `table_building` (latency layer by layer), `network_times` (one network
with its layers), `latency_fit` (from layers to the network), `onnx_slicing` (what is measured), `eager` (PyTorch
itself). The device: `target`, `measuring_device`, `connection`, `bootstrap`; `runner` with `protocol`, `timing`,
`fingerprint` and `onnx_format` is what is sent there.
"""
