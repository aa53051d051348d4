"""Every benchmark beside its floor: figures kept as JSON, docs/performance.md written from them."""
