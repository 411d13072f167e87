// How many descriptors a process may have open, and how many connections that is.
#pragma once

#include <algorithm>
#include <cstddef>

#include <sys/resource.h>

namespace rpcbroker {

/// As many as the system lets it have. Shells and systemd give 1,024 and allow far more, as old programs use select().
inline void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// `wanted`, or fewer, as a hundred descriptors stay free for libzmq, logs and files: at the limit nobody can be accepted nor
/// refused, and what breaks cannot be connected again.
inline std::size_t connections_within_limit(std::size_t wanted) noexcept {
    constexpr std::size_t spare = 100;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    const std::size_t most = limit.rlim_cur > 2 * spare ? limit.rlim_cur - spare : limit.rlim_cur / 2;
    return std::min(wanted, most);
}

}  // namespace rpcbroker
