"""Studies and results between hospitals' gateways: results first, maps next, images last; the answer comes back."""
