// The flags by which clients and workers are given keys.
#pragma once

#include <optional>
#include <string>

#include <rpcbroker/keys.hpp>

#include "common/program/flags.hpp"

namespace rpcbroker {

/// Files, so that no secret stands in a command line or an environment.
class KeyFlags {
public:
    /// `own`: the flag for the program's own key.
    explicit KeyFlags(std::string own) : own_(std::move(own)) {}

    void add(Flags& flags);
    /// After flags.parse(): reads the files into `keys`, if any were named. What is wrong, as one line.
    std::optional<std::string> read(const Flags& flags, std::optional<PeerKeys>& keys) const;

private:
    std::string own_;
    std::string own_file_;
    std::string broker_file_;
};

}  // namespace rpcbroker
