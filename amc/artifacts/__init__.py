"""What is written and read: the policy and its compact network, exports, snapshots and the folder of a run.

Read `policy` and `selection` (how a result is stored), `given_network` (what users give as a network), `exports` with
`portable`, `onnx_conversion` and `export_tools` (ONNX and `torch.export`), then `run_folder`, `run_lock`, `snapshots`
and `digests` (a run that can be resumed). `checked_json` checks what is read from JSON.
"""
