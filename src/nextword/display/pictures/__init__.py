"""Pictures of networks as SVG: the network over time, its architecture, the cell at work, the windows of a text."""
