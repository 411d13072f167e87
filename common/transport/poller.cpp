#include "common/transport/poller.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <vector>

#include "common/transport/dealer_state.hpp"
#include "common/transport/router_state.hpp"

namespace rpcbroker::transport {
namespace {

int to_poll_timeout(std::optional<Duration> timeout) {
    if (!timeout) return -1;
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
    return static_cast<int>(std::clamp<std::int64_t>(rounded, 0, INT_MAX));
}

constexpr int none = -1;  ///< a descriptor that poll() passes over

/// Where no body came in time, the next ones are late as well, most likely: two sleeps for each would be dearer than one.
constexpr unsigned disturbed_waits_after_vain_one = 16;

}  // namespace

Wakeup::Wakeup() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ < 0) fail("eventfd");
}

Wakeup::~Wakeup() { ::close(descriptor_); }

void Wakeup::signal() noexcept {
    if (signalled_.exchange(true)) return;
    const int error = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);  // one never overflows it
    errno = error;
}

void Wakeup::clear() noexcept {
    if (!readable_ && !signalled_.load()) return;
    readable_ = false;
    std::uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(descriptor_, &count, sizeof count);
    // After the read: a signal in between writes nothing, but its reason is seen by who looks after this exchange.
    signalled_.exchange(false);
}

struct Poller::State {
    /// Who is to know that a descriptor is readable; neither of both for one that somebody else looks after.
    struct Source {
        Socket* socket = nullptr;
        Wakeup* wakeup = nullptr;
    };

    std::vector<Router::State*> routers;
    std::vector<Dealer::State*> dealers;
    std::vector<pollfd> descriptors;  ///< of all that was added; first of the dealers, two each
    std::vector<Source> sources;      ///< of the descriptors behind those of the dealers
    bool slept = false;
    unsigned disturbed_waits = 0;  ///< so many are left before it is tried again to wait undisturbed

    void add(int descriptor, Source source) {
        descriptors.push_back({descriptor, POLLIN, 0});
        sources.push_back(source);
    }
    void add(Socket& socket) { add(socket.descriptor(), {.socket = &socket}); }
    void follow_links();
    void rouse() noexcept;
    [[nodiscard]] bool is_ready() const;
    [[nodiscard]] std::optional<Duration> shorten(std::optional<Duration> timeout) const;
};

// libzmq's descriptors are readable once for each change, so what was there before must be looked for.
bool Poller::State::is_ready() const {
    const auto ready = [](auto* state) { return state->is_ready(); };
    return std::ranges::any_of(routers, ready) || std::ranges::any_of(dealers, ready);
}

// A dealer that has to begin anew does so in next_event.
std::optional<Duration> Poller::State::shorten(std::optional<Duration> timeout) const {
    for (const auto* dealer : dealers) {
        if (!dealer->revive_at) continue;
        const Duration left = std::max(*dealer->revive_at - Clock::now(), Duration::zero());
        timeout = timeout ? std::min(*timeout, left) : left;
    }
    return timeout;
}

// A dealer's descriptors are others after each connection.
void Poller::State::follow_links() {
    std::size_t at = 0;
    for (const auto* dealer : dealers) {
        descriptors[at++].fd = dealer->link ? dealer->link->descriptor : none;
        descriptors[at++].fd = dealer->link ? dealer->link->monitor_descriptor : none;
    }
}

void Poller::State::rouse() noexcept {
    auto descriptor = descriptors.begin();
    for (const auto* dealer : dealers) {
        if ((descriptor++)->revents != 0) dealer->link->socket.rouse();
        if ((descriptor++)->revents != 0) dealer->link->monitor.socket().rouse();
    }
    for (const Source& source : sources) {
        if ((descriptor++)->revents == 0) continue;
        if (source.socket) source.socket->rouse();
        if (source.wakeup) source.wakeup->rouse();
    }
}

Poller::Poller() : state_(std::make_unique<State>()) {}

Poller::~Poller() = default;

void Poller::add(Router& router) {
    state_->routers.push_back(&router.state());
    state_->add(router.state().socket);
    state_->add(router.state().monitor.socket());
}

void Poller::add(Dealer& dealer) {
    state_->dealers.push_back(&dealer.state());
    constexpr std::array<pollfd, 2> unset{pollfd{none, POLLIN, 0}, pollfd{none, POLLIN, 0}};  // follow_links sets them
    state_->descriptors.insert(state_->descriptors.begin(), unset.begin(), unset.end());
}

void Poller::add(Wakeup& wakeup) { state_->add(wakeup.descriptor(), {.wakeup = &wakeup}); }

void Poller::add_descriptor(int descriptor) { state_->add(descriptor, {}); }

void Poller::wait(std::optional<Duration> timeout) {
    const bool only_looks = timeout && *timeout <= Duration::zero();
    state_->slept = !only_looks && !state_->is_ready();
    if (!state_->slept) timeout = Duration::zero();
    state_->follow_links();
    auto& descriptors = state_->descriptors;
    const int limit = to_poll_timeout(state_->shorten(timeout));
    const int ready = ::poll(descriptors.data(), descriptors.size(), limit);
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready > 0) state_->rouse();
}

void Poller::wait_undisturbed(std::optional<Duration> timeout) {
    const bool alone = state_->routers.empty() && state_->dealers.size() == 1;
    if (!alone || (timeout && *timeout < 2 * undisturbed_wait)) return wait(timeout);
    if (state_->disturbed_waits > 0) {
        --state_->disturbed_waits;
        return wait(timeout);
    }
    const auto began = Clock::now();
    state_->slept = true;
    if (state_->dealers.front()->wait_for_body()) return;
    state_->disturbed_waits = disturbed_waits_after_vain_one;
    wait(timeout ? std::optional{*timeout - (Clock::now() - began)} : std::nullopt);
}

bool Poller::slept() const noexcept { return state_->slept; }

}  // namespace rpcbroker::transport
