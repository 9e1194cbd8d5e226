"""The HTTP side: connections and their bounds, access, health and figures."""
