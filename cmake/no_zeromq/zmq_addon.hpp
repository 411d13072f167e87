#error "a core does no I/O: ZeroMQ belongs to common/transport (docs/ARCHITECTURE.md)"
