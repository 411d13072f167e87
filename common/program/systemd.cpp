#include "common/program/systemd.hpp"

#ifdef RPCBROKER_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

namespace rpcbroker::systemd {
namespace {

void notify([[maybe_unused]] const char* state) noexcept {
#ifdef RPCBROKER_SYSTEMD
    sd_notify(0, state);  // fails outside systemd, where there is nobody to tell
#endif
}

}  // namespace

void notify_ready() noexcept { notify("READY=1"); }

void notify_stopping() noexcept { notify("STOPPING=1"); }

}  // namespace rpcbroker::systemd
