#include "broker/directory.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker::broker {

namespace {

/// The finisher of SplitMix64: every bit of the result depends on every bit of `value`.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

}  // namespace

std::uint64_t stable_hash(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return mix(hash);
}

bool Group::has(const Method* method) const noexcept {
    return std::ranges::binary_search(methods, method->serial, {}, &Method::serial);
}

Service* Directory::service(std::string_view name) noexcept {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

Service* Directory::make_unknown(std::string_view name) {
    const auto unknown = by_name_.size() - known_;
    return unknown < max_services_ ? &make_service(name) : nullptr;
}

Service& Directory::make_service(std::string_view name) {
    if (Service* there = service(name)) return *there;
    std::uint32_t index = 0;
    if (spare_.empty()) {
        index = static_cast<std::uint32_t>(services_.size());
        services_.emplace_back();
    } else {
        index = spare_.back();
        spare_.pop_back();
    }
    auto& made = services_[index] = std::make_unique<Service>();
    made->name = name;
    made->index = index;
    by_name_.emplace(made->name, made.get());
    return *made;
}

void Directory::forget(Service& service) {
    const auto index = service.index;
    by_name_.erase(service.name);
    spare_.push_back(index);
    services_[index].reset();
}

Method* Directory::method(Service& service, std::string_view name) noexcept {
    const auto found = service.methods.find(name);
    return found == service.methods.end() ? nullptr : found->second.get();
}

Result<void> Directory::fits(const Registration& registration) const {
    std::size_t new_services = 0;
    std::size_t new_methods = 0;
    for (const auto& offered : registration.services) {
        const auto there = by_name_.find(offered.name);
        if (there == by_name_.end() || !there->second->known) ++new_services;
        for (const auto& method : offered.methods)
            if (there == by_name_.end() || !there->second->methods.contains(method.name)) ++new_methods;
    }
    const auto over = [](std::string_view what, std::size_t limit) {
        return Error{Code::resource_exhausted,
                     "rpc.register: the broker holds at most " + std::to_string(limit) + " " + std::string(what),
                     By::broker, Ran::no};
    };
    if (known_ + new_services > max_services_) return over("services", max_services_);
    if (methods_ + new_methods > max_methods_) return over("methods", max_methods_);
    return {};
}

Method& Directory::make_method(Service& service, const MethodRegistration& registration) {
    if (Method* there = method(service, registration.name)) {
        there->shown = registration;
        return *there;
    }
    auto made = std::make_unique<Method>();
    made->service = &service;
    made->full_name = service.name + "." + registration.name;
    made->shown = registration;
    made->serial = ++last_method_;
    ++methods_;
    const std::string_view name = std::string_view(made->full_name).substr(service.name.size() + 1);
    return *service.methods.emplace(name, std::move(made)).first->second;
}

Group& Directory::group_of(Service& service, std::vector<Method*> methods) {
    std::ranges::sort(methods, {}, &Method::serial);
    methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
    for (const auto& group : service.groups)
        if (group->methods == methods) return *group;
    auto& made = service.groups.emplace_back(std::make_unique<Group>());
    made->methods = std::move(methods);
    service.reshaped = true;
    for (Method* method : made->methods) {
        method->groups.push_back(made.get());
        method->gone_at.reset();
    }
    return *made;
}

void Directory::join(Worker& worker, const Registration& registration, TimePoint now) {
    // The new memberships come first, so that a service that stays does not seem gone in between.
    auto before = std::exchange(worker.memberships, {});
    for (const auto& offered : registration.services) {
        Service& service = make_service(offered.name);
        std::vector<Method*> methods;
        methods.reserve(offered.methods.size());
        for (const auto& method : offered.methods) methods.push_back(&make_method(service, method));
        auto membership = std::make_unique<Membership>();
        membership->worker = &worker;
        membership->service = &service;
        membership->group = &group_of(service, std::move(methods));
        membership->group->members.push_back(membership.get());
        if (!std::exchange(service.known, true)) ++known_;
        service.gone_at.reset();
        ++service.workers;
        worker.memberships.push_back(std::move(membership));
    }
    for (const auto& membership : before)
        if (membership->group) detach(*membership, now);
    // Who was alone in its group has not been kept where its load says.
    for (const auto& membership : worker.memberships)
        if (membership->group->members.size() == 2)
            for (Membership* member : membership->group->members) place(*member);
    update_load(worker);
}

void Directory::detach(Membership& membership, TimePoint now) {
    Service& service = *membership.service;
    Group& group = *std::exchange(membership.group, nullptr);
    group.with_room.remove(membership);
    std::erase(group.members, &membership);
    if (--service.workers == 0) service.gone_at = now;
    if (!group.members.empty()) return;
    service.reshaped = true;
    for (Method* method : group.methods) {
        std::erase(method->groups, &group);
        if (method->groups.empty()) method->gone_at = now;
    }
    std::erase_if(service.groups, [&](const auto& held) { return held.get() == &group; });
}

void Directory::withdraw(Worker& worker, TimePoint now) {
    for (const auto& membership : worker.memberships)
        if (membership->group) detach(*membership, now);
}

void Directory::leave(Worker& worker, TimePoint now) {
    withdraw(worker, now);
    worker.memberships.clear();
}

void Directory::place(Membership& membership) {
    if (membership.worker->has_room())
        membership.group->with_room.place(membership, membership.worker->in_flight);
    else
        membership.group->with_room.remove(membership);
}

void Directory::update_load(Worker& worker) {
    const bool room = worker.has_room();
    for (const auto& membership : worker.memberships) {
        if (!membership->group) continue;
        const bool alone = membership->group->members.size() == 1;  // then its load makes no difference
        if (!alone || membership->linked != room) place(*membership);
    }
}

Worker* Directory::pick(const Method& method) noexcept {
    Worker* best = nullptr;
    for (const Group* group : method.groups) {
        LoadNode* node = group->with_room.least();
        Worker* least = node ? static_cast<Membership*>(node)->worker : nullptr;
        if (least && (!best || least->in_flight < best->in_flight)) best = least;
    }
    return best;
}

Worker* Directory::pick_by_key(const Method& method, std::uint64_t key_hash) noexcept {
    Worker* best = nullptr;
    std::uint64_t best_weight = 0;
    for (const Group* group : method.groups) {
        for (const Membership* member : group->members) {
            const auto weight = mix(key_hash ^ mix(member->worker->serial));
            if (best && weight <= best_weight) continue;
            best = member->worker;
            best_weight = weight;
        }
    }
    return best;
}

bool Directory::serves(const Worker& worker, const Method& method) noexcept {
    return std::ranges::any_of(worker.memberships, [&](const auto& membership) {
        return membership->service == method.service && membership->group && membership->group->has(&method);
    });
}

}  // namespace rpcbroker::broker
