module rpcbroker.test/netrpc

go 1.19
