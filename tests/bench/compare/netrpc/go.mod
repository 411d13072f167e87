module rpcbroker/compare/netrpc

go 1.19
