#include "broker/admission.hpp"

namespace rpcbroker::broker {

bool Admission::check(const transport::Incoming& incoming, TimePoint now) {
    if (incoming.introduced != 0) introduce(incoming.peer, known_[incoming.peer] = {incoming.introduced, nullptr}, now);
    return cut_off_.empty() || !cut_off_.contains(incoming.peer);
}

void Admission::look_again(TimePoint now) {
    for (auto& [peer, known] : known_)
        if (!cut_off_.contains(peer)) introduce(peer, known, now);
}

void Admission::introduce(PeerId peer, Known& known, TimePoint now) {
    auto identity = keys_->find(side_, known.number);
    if (identity && identity == known.identity) return;
    const bool stays = identity && tell_core(peer, identity);
    if (identity) known.identity = std::move(identity);
    if (!stays) cut_off(peer, known.identity ? known.identity->name : "", now);
}

bool Admission::tell_core(PeerId peer, const Identity& identity) {
    if (side_ == Side::back) return core_.set_worker_identity(peer, identity);
    core_.set_client_identity(peer, identity);
    return true;
}

void Admission::cut_off(PeerId peer, const std::string& name, TimePoint now) {
    cut_off_.insert(peer);
    core_.counters().add(Counter::peers_cut_off);
    events_.push_back(
        {true, "cut off, as its key may not be here any more", {{"key", name}, {"address", router_.address(peer)}}});
    if (side_ == Side::back)
        core_.on_backend_closed(peer, now);
    else
        core_.on_frontend_closed(peer, now);
    router_.disconnect(peer);
}

void Admission::closed(PeerId peer) {
    if (!keys_) return;
    known_.erase(peer);
    cut_off_.erase(peer);
}

}  // namespace rpcbroker::broker
