// The files of this folder that make the page, as they were when the program was built.
#pragma once

#include <span>
#include <string_view>

namespace rpcbroker::dashboard {

struct File {
    std::string_view name;
    std::string_view bytes;
};

std::span<const File> files() noexcept;

}  // namespace rpcbroker::dashboard
