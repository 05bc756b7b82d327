"""What a person sees of strategies that are compared: tables, one HTML page with its charts, TensorBoard."""
