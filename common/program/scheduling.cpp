#include "common/program/scheduling.hpp"

#include <sched.h>

namespace rpcbroker {
namespace {

bool change_to(int policy) noexcept {
    const sched_param parameters{};
    return ::sched_setscheduler(0, policy, &parameters) == 0;
}

}  // namespace

PatientThreads::PatientThreads() noexcept
    : changed_(::sched_getscheduler(0) == SCHED_OTHER && change_to(SCHED_BATCH)) {}

PatientThreads::~PatientThreads() {
    if (changed_) change_to(SCHED_OTHER);
}

}  // namespace rpcbroker
