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

bool choose(int policy) {
    const sched_param parameters{};
    return sched_setscheduler(0, policy, &parameters) == 0;
}

}  // namespace

// On threads of their own, as they change them.
TEST_CASE("scheduling: threads are patient that are started while it lives, and no others") {
    std::thread{[] {
        REQUIRE(choose(SCHED_OTHER));
        {
            const PatientThreads patient;
            CHECK(policy_of_a_new_thread() == SCHED_BATCH);
        }
        CHECK(own_policy() == SCHED_OTHER);
        CHECK(policy_of_a_new_thread() == SCHED_OTHER);
    }}.join();
}

TEST_CASE("scheduling: what somebody chose stays") {
    const int chosen = GENERATE(SCHED_BATCH, SCHED_IDLE);
    std::thread{[chosen] {
        REQUIRE(choose(chosen));
        {
            const PatientThreads patient;
            CHECK(policy_of_a_new_thread() == chosen);
        }
        CHECK(own_policy() == chosen);
    }}.join();
}
