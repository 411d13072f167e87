// Who serves what: services, their methods, and the workers that registered them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/fair_queue.hpp"
#include "broker/handling_time.hpp"
#include "broker/load_buckets.hpp"
#include "broker/registration.hpp"
#include "broker/rolling_latency.hpp"
#include "broker/service_rate.hpp"
#include "broker/shares.hpp"
#include "common/deadlines.hpp"
#include "common/peer.hpp"
#include "common/time.hpp"

namespace rpcbroker::broker {

struct Group;

/// How the last call of a method that failed did so.
struct MethodError {
    Code code = Code::internal;
    std::string message;  ///< its first bytes, as they came
    TimePoint at;
};

/// A method that some worker registered. Stays, with its figures, when its workers are gone.
struct Method {
    Service* service = nullptr;
    std::string full_name;             ///< "Service.Method"
    std::uint64_t serial = 0;          ///< in the order in which methods were made
    MethodRegistration shown;          ///< the newest registration
    std::vector<Group*> groups;        ///< the groups of workers that have it, while they have workers
    FairQueue waiting;                 ///< its calls, while only some of the service's groups have it
    std::optional<TimePoint> gone_at;  ///< when the last worker that had it went
    std::uint64_t calls = 0;           ///< ended
    std::uint64_t errors = 0;
    std::size_t queued = 0;
    std::size_t in_flight = 0;
    std::uint64_t items = 0;  ///< of streams, passed on
    RollingLatency latency;   ///< from acceptance to the end
    HandlingTime handling;    ///< from dispatch to a result
    std::unique_ptr<MethodError> last_error;
};

/// Where a worker stands in one service: a node of its group's buckets while the worker has room.
struct Membership : LoadNode {
    Worker* worker = nullptr;
    Service* service = nullptr;
    Group* group = nullptr;
};

/// The workers of a service that registered exactly the same methods of it. Nearly always there is one.
struct Group {
    std::vector<Method*> methods;  ///< by serial, so that their turns do not depend on addresses
    LoadBuckets with_room;
    std::vector<Membership*> members;  ///< those not draining
    std::size_t turn = 0;              ///< the method whose queue is looked at first

    [[nodiscard]] bool has(const Method* method) const noexcept;
};

struct Service {
    std::string name;
    bool known = false;  ///< registered by some worker, now or before
    std::unordered_map<std::string_view, std::unique_ptr<Method>> methods;  ///< by name within the service
    std::vector<std::unique_ptr<Group>> groups;
    FairQueue waiting;                   ///< calls that all of its workers may take, or that nobody can take yet
    ServiceRate rate;                    ///< of calls that go from there to workers
    std::size_t uneven_waiting = 0;      ///< calls that wait in the queues of its methods
    bool uneven_turn = false;            ///< whether those queues come first
    std::size_t queued = 0;              ///< calls in all queues, those of its workers included
    Shares shares{Shares::Kind::calls};  ///< of those calls
    std::size_t in_flight = 0;
    std::uint32_t workers = 0;         ///< registered and not draining
    std::size_t keyed_waiting = 0;     ///< queued calls with a key
    std::optional<TimePoint> gone_at;  ///< when the last worker went
    bool reshaped = false;             ///< its groups changed: where its calls wait must be decided again
    std::uint32_t index = 0;
};

/// One registered worker.
struct Worker {
    PeerId peer;
    std::uint64_t serial = 0;  ///< never used again
    std::string id;            ///< the serial, as the wire says it
    std::string name;
    std::string address;
    bool heartbeat = false;
    bool draining = false;
    bool held_back =
        false;  ///< just now: it gives calls back, which are for others, or where calls wait is not settled
    std::uint32_t capacity = 0;
    std::uint32_t in_flight = 0;
    std::uint64_t completed = 0;
    std::uint64_t errors = 0;
    TimePoint registered;
    TimePoint last_heard;  ///< on the broker's own running time
    TimePoint next_heartbeat;
    Deadlines::Handle timer = Deadlines::none;
    std::vector<std::unique_ptr<Membership>> memberships;
    std::size_t turn = 0;     ///< the membership whose queue is looked at first
    bool own_turn = false;    ///< whether its own queue comes first
    FairQueue waiting;        ///< calls that only this worker may run: by id or by key
    Call* running = nullptr;  ///< its calls, running and abandoned, newest first

    [[nodiscard]] bool has_room() const noexcept { return !draining && !held_back && in_flight < capacity; }
};

/// Owns services, methods and groups; knows nothing of calls but the queues that hold them. Not thread-safe.
class Directory {
public:
    Directory(std::size_t max_services, std::size_t max_methods)
        : max_services_(max_services), max_methods_(max_methods) {}

    [[nodiscard]] Service* service(std::string_view name) noexcept;
    /// Makes one that calls wait for although nobody registered it; null when there are too many of those.
    Service* make_unknown(std::string_view name);
    /// For one that nobody registered and nobody waits for.
    void forget(Service& service);
    [[nodiscard]] static Method* method(Service& service, std::string_view name) noexcept;

    /// Whether a worker may register this beside what is there; the error says which limit it is over.
    [[nodiscard]] Result<void> fits(const Registration& registration) const;
    /// Makes the worker a member of its services, in place of what it was a member of. Services that had no worker come
    /// back; services and methods that lose their last one get `gone_at`.
    void join(Worker& worker, const Registration& registration, TimePoint now);
    /// Takes the worker out of all services (it draws no more calls), keeping what it is a member of or not.
    void withdraw(Worker& worker, TimePoint now);
    void leave(Worker& worker, TimePoint now);
    /// To be called after every change of what Worker::has_room goes by.
    static void update_load(Worker& worker);

    /// The least loaded worker with room that has the method; null when there is none.
    [[nodiscard]] static Worker* pick(const Method& method) noexcept;
    /// The worker that a key goes to, with or without room; null when none has the method.
    [[nodiscard]] static Worker* pick_by_key(const Method& method, std::uint64_t key_hash) noexcept;
    /// Whether the worker registered the method and draws calls.
    [[nodiscard]] static bool serves(const Worker& worker, const Method& method) noexcept;
    /// Whether every worker of its service has it.
    [[nodiscard]] static bool is_even(const Method& method) noexcept {
        return method.groups.size() == method.service->groups.size();
    }

    template <class F>
    void for_each(F&& f) {
        for (const auto& service : services_)
            if (service) f(*service);
    }
    [[nodiscard]] std::size_t service_count() const noexcept { return known_; }
    [[nodiscard]] std::size_t method_count() const noexcept { return methods_; }

private:
    Service& make_service(std::string_view name);
    Method& make_method(Service& service, const MethodRegistration& registration);
    Group& group_of(Service& service, std::vector<Method*> methods);
    void detach(Membership& membership, TimePoint now);
    static void place(Membership& membership);

    std::size_t max_services_;
    std::size_t max_methods_;
    std::size_t known_ = 0;  ///< services that some worker registered
    std::size_t methods_ = 0;
    std::uint64_t last_method_ = 0;
    std::vector<std::unique_ptr<Service>> services_;  ///< by index; null: free
    std::vector<std::uint32_t> spare_;
    std::unordered_map<std::string_view, Service*> by_name_;
};

/// 64 bits of a key or an id, the same in every process.
std::uint64_t stable_hash(std::string_view text) noexcept;

}  // namespace rpcbroker::broker
