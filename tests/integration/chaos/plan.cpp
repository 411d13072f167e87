#include "tests/integration/chaos/plan.hpp"

namespace rpcbroker::chaos {

using std::chrono::milliseconds;

namespace {

const char* word_of(const Plan& plan) noexcept {
    if (plan.registered) return "registered";
    return plan.options.idempotent.value_or(false) ? "caller" : "no";
}

}  // namespace

std::string Plan::line() const {
    const auto attempts = options.retry ? options.retry->attempts : 1;
    return method + " " + word_of(*this) + " " + std::to_string(options.timeout->count()) + " " +
           std::to_string(attempts) + " " + std::to_string(work);
}

Planner::Planner(Mix mix, std::uint32_t longest_nap_ms, std::uint32_t seed)
    : mix_(mix), longest_nap_ms_(longest_nap_ms), random_(seed) {}

std::uint32_t Planner::between(std::uint32_t least, std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>{least, most}(random_);
}

/// Mixed: a tenth has hardly any time, the rest up to ten seconds.
milliseconds Planner::timeout() {
    if (mix_ == Mix::steady) return milliseconds{20'000};
    return milliseconds{one_in(10) ? between(1, 100) : between(1, 20) * 500};
}

void Planner::choose_word(Plan& plan) {
    switch (between(0, 2)) {
    case 0: plan.options.idempotent = false; return;
    case 1:
        plan.registered = true;
        plan.method += "Again";
        return;
    default: plan.options.idempotent = true; plan.method += "Again";
    }
}

void Planner::add_trouble(Plan& plan) {
    if (one_in(20)) plan.cancel_after = milliseconds{between(0, 2 * longest_nap_ms_)};
    if (one_in(5)) plan.options.retry = RetryPolicy{.attempts = 3};
    if (!one_in(50)) return;
    plan.method = "Fail";
    plan.registered = false;
    plan.options.idempotent = false;
}

Plan Planner::call() {
    Plan plan;
    plan.options.timeout = timeout();
    plan.method = one_in(2) ? "Quick" : "Nap";
    if (plan.method == "Nap") plan.work = between(1, longest_nap_ms_);
    choose_word(plan);
    if (mix_ == Mix::mixed) add_trouble(plan);
    return plan;
}

Plan Planner::stream() {
    Plan plan;
    plan.method = "Count";
    plan.options.timeout = timeout();
    plan.options.idempotent = false;
    plan.work = between(0, 3000);
    if (mix_ == Mix::mixed && one_in(10)) plan.cancel_after = milliseconds{0};
    return plan;
}

Plan Planner::one_way() {
    Plan plan;
    plan.method = "Tell";
    plan.options.timeout = milliseconds{between(1, 10) * 500};
    plan.options.idempotent = false;
    return plan;
}

}  // namespace rpcbroker::chaos
