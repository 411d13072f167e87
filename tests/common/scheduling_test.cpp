#include "common/program/scheduling.hpp"

#include <sched.h>

#include <catch2/catch.hpp>

#include <thread>

using namespace rpcbroker;

namespace {

int own_policy() { return sched_getscheduler(0); }

int policy_of_a_new_thread() {
    int found = -1;
    std::thread{[&found] { found = own_policy(); }}.join();
    return found;
}

struct Seen {
    int meanwhile = -1;  ///< of a thread that was started while a PatientThreads lived
    int own = -1;
    int afterwards = -1;  ///< of a thread that was started then
};

Seen on_a_thread_of_its_own(int chosen) {
    Seen seen;
    std::thread{[&] {
        const sched_param parameters{};
        if (sched_setscheduler(0, chosen, &parameters) != 0) return;
        {
            const PatientThreads patient;
            seen.meanwhile = policy_of_a_new_thread();
        }
        seen.own = own_policy();
        seen.afterwards = policy_of_a_new_thread();
    }}.join();
    return seen;
}

}  // namespace

TEST_CASE("scheduling: threads are patient that are started while it lives, and no others") {
    const auto seen = on_a_thread_of_its_own(SCHED_OTHER);
    CHECK(seen.meanwhile == SCHED_BATCH);
    CHECK(seen.own == SCHED_OTHER);
    CHECK(seen.afterwards == SCHED_OTHER);
}

TEST_CASE("scheduling: what somebody chose stays") {
    const int chosen = GENERATE(SCHED_BATCH, SCHED_IDLE);
    const auto seen = on_a_thread_of_its_own(chosen);
    CHECK(seen.meanwhile == chosen);
    CHECK(seen.own == chosen);
    CHECK(seen.afterwards == chosen);
}
