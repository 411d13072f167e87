module rpcbroker.test/samples

go 1.19
