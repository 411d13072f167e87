#include "common/program/secrets.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace rpcbroker {

void keep_secrets() noexcept {
    const rlimit none{};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // where cores go to a program, the limit of their size does not count
}

void keep_others_out() noexcept { ::umask(::umask(S_IRWXO) | S_IRWXO); }

}  // namespace rpcbroker
