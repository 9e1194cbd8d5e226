"""Speed and endurance of the HTTP service under load, beside a plain service in PyTorch."""
