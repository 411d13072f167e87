// The text of a file that holds a key.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <sys/types.h>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

struct KeyFile {
    std::string text;  ///< wiped by whoever asked for it
    mode_t mode = 0;
};

/// The error names the file: it cannot be read (NOT_FOUND), is no file or has more than `longest` bytes (INVALID_ARGUMENT).
Result<KeyFile> read_key_file(const std::string& path, std::size_t longest);
/// PERMISSION_DENIED where others than its owner may use the file.
std::optional<Error> problem_with_secret(const std::string& path, mode_t mode);

}  // namespace rpcbroker
