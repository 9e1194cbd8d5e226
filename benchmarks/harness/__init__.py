"""What the benchmarks are made of: peers in processes of their own, what they are asked, and reports of it."""
