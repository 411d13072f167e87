// The authorized file of rpc-broker: read at the start, and again when it changes or SIGHUP comes.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <rpcbroker/authorized.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker {

/// The error names the file and what is wrong with it. A file that others than its owner may write is refused: they could let
/// in whom they like.
Result<std::vector<AuthorizedKey>> read_authorized(const std::string& path);

/// Hands what read_authorized says to `changed`, on a thread of its own: at once on SIGHUP, and within half a second of a
/// change, when the file has been still for a quarter of one, so that none is read half written. One a process. While it lives,
/// SIGHUP does not end the process.
class AuthorizedFile {
public:
    using Changed = std::function<void(Result<std::vector<AuthorizedKey>>)>;

    AuthorizedFile(std::string path, Changed changed);
    ~AuthorizedFile();
    AuthorizedFile(const AuthorizedFile&) = delete;
    AuthorizedFile& operator=(const AuthorizedFile&) = delete;

private:
    void watch();

    std::string path_;
    Changed changed_;
    int hangup_;
    int quit_;
    std::thread thread_;
};

}  // namespace rpcbroker
