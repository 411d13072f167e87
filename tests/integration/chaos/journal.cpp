#include "tests/integration/chaos/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

namespace rpcbroker::chaos {

namespace {

std::string now_us() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

Journal::Journal(const std::string& path)
    : descriptor_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) throw std::system_error{errno, std::generic_category(), path};
}

Journal::~Journal() { ::close(descriptor_); }

void Journal::write(char kind, const std::string& rest) {
    std::string line{kind};
    line.append(" ").append(now_us()).append(" ").append(rest).append("\n");
    if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

}  // namespace rpcbroker::chaos
