"""What benches share that hold ours against a package's own call: cells in fresh processes, kept, and shown side by side."""
