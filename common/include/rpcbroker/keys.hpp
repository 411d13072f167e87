// Keys: who a peer is, where a broker asks for that. docs/SECURITY.md says how they are made, kept and changed.
//
// A key is 32 bytes, written as 40 characters of Z85. Whoever has the secret half of a pair is its owner; the public half is
// for everybody to know.
#pragma once

#include <string>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

/// Does not leave the secret key in memory when it goes. Copy it no more often than is needed; moving is copying.
struct KeyPair {
    std::string public_key;
    std::string secret_key;

    KeyPair() = default;
    KeyPair(std::string shared, std::string secret);
    KeyPair(const KeyPair&) = default;
    KeyPair& operator=(const KeyPair&) = default;
    ~KeyPair();
    /// Overwrites the secret key, which is empty then.
    void forget_secret() noexcept;
};

/// What a client or a worker needs for a broker with keys: its own pair, and whom it expects to find there. A connection to
/// anybody else is not made.
struct PeerKeys {
    KeyPair own;
    std::string broker;  ///< the broker's public key
};

/// From the system's entropy. Throws Error (UNIMPLEMENTED) where libzmq was built without CURVE.
KeyPair make_key_pair();

/// Reads what rpc-keygen wrote to NAME.key. The error names the file, what is wrong with it and what to do: it cannot be read
/// (NOT_FOUND), others than its owner may read or write it (PERMISSION_DENIED), it holds no secret key (INVALID_ARGUMENT).
Result<KeyPair> read_secret_key(const std::string& path);
/// Reads what rpc-keygen wrote to NAME.pub.
Result<std::string> read_public_key(const std::string& path);

}  // namespace rpcbroker
