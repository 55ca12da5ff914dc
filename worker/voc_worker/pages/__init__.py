"""The published pages: figures become geometry, geometry and texts become one self-contained HTML file."""
