#include "common/outbox.hpp"

#include <iterator>
#include <utility>

namespace rpcbroker {
namespace {

// What is kept for later bodies: with strings of up to this size, and all together up to that.
constexpr std::size_t largest_spare = 2 * Outbox::batch_bytes;
constexpr std::size_t most_spare_bytes = std::size_t{4} << 20;

// So many bodies that are gone may stand before the first of a queue before the rest is moved up.
constexpr std::size_t most_gone = 64;

}  // namespace

bool Outbox::Queue::joins(std::string_view envelope) const noexcept {
    if (!batching || !envelope.empty() || empty()) return false;
    const Outgoing& last = bodies.back();
    return last.envelope.empty() && last.large.empty() && has_room(last);
}

void Outbox::set_batching(PeerId peer, bool batching) {
    settle();
    if (Queue* queue = open_queue(peer)) queue->batching = batching;
}

std::string& Outbox::add_first(PeerId peer, std::string_view envelope) {
    settle();
    Queue* queue = open_queue(peer);
    if (!queue) {
        ++dropped_;
        discarded_.clear();
        return discarded_;
    }
    mark_dirty(peer, *queue);
    open_peer_ = peer;
    open_ = queue->joins(envelope) ? &queue->bodies.back() : &append(*queue, envelope);
    joinable_ = queue->batching && envelope.empty();
    return join(*open_);
}

void Outbox::add_large(PeerId peer, std::string_view envelope, Body body) {
    settle();
    Queue* queue = open_queue(peer);
    if (!queue) {
        ++dropped_;
        return;
    }
    mark_dirty(peer, *queue);
    Outgoing& outgoing = append(*queue, envelope);
    outgoing.messages = 1;
    outgoing.large = std::move(body);
    count(*queue, outgoing, outgoing.size());
}

std::vector<PeerId>& Outbox::dirty() {
    settle();
    reported_.clear();
    std::swap(reported_, dirty_);
    for (const auto peer : reported_) {
        if (Queue* queue = find(peer)) queue->dirty = false;
    }
    return reported_;
}

Outgoing* Outbox::front(PeerId peer) {
    settle();
    Queue* queue = find(peer);
    return queue && !queue->empty() ? &queue->bodies[queue->first] : nullptr;
}

void Outbox::pop_front(PeerId peer) {
    settle();
    Queue* queue = find(peer);
    if (!queue || queue->empty()) return;
    Outgoing& body = queue->bodies[queue->first++];
    queue->bytes -= body.counted;
    waiting_bytes_ -= body.counted;
    recycle(body);
    if (queue->empty() || (queue->first >= most_gone && queue->first >= queue->bodies.size() / 2)) {
        const auto first = std::next(queue->bodies.begin(), static_cast<std::ptrdiff_t>(queue->first));
        queue->bodies.erase(queue->bodies.begin(), first);
        queue->first = 0;
    }
}

std::size_t Outbox::waiting_bytes(PeerId peer) const noexcept {
    const Queue* queue = find(peer);
    if (!queue) return 0;
    return queue->bytes + (open_ && open_peer_ == peer ? open_bytes() : 0);
}

std::size_t Outbox::waiting_bodies(PeerId peer) const noexcept {
    const Queue* queue = find(peer);
    return queue ? queue->bodies.size() - queue->first : 0;
}

std::size_t Outbox::forget(PeerId peer) {
    settle();
    Queue* queue = find(peer);
    return queue ? clear(peer, *queue) : 0;
}

Outbox::Queue* Outbox::open_queue(PeerId peer) {
    if (peer.slot >= queues_.size()) queues_.resize(std::size_t{peer.slot} + 1);
    Queue& queue = queues_[peer.slot];
    if (queue.generation > peer.generation) return nullptr;
    if (queue.generation < peer.generation) {
        dropped_ += clear({peer.slot, queue.generation}, queue);
        queue.generation = peer.generation;
    }
    return &queue;
}

Outbox::Queue* Outbox::find(PeerId peer) noexcept { return const_cast<Queue*>(std::as_const(*this).find(peer)); }

const Outbox::Queue* Outbox::find(PeerId peer) const noexcept {
    if (peer.slot >= queues_.size()) return nullptr;
    const Queue& queue = queues_[peer.slot];
    return queue.generation == peer.generation ? &queue : nullptr;
}

void Outbox::mark_dirty(PeerId peer, Queue& queue) {
    if (!std::exchange(queue.dirty, true)) dirty_.push_back(peer);
}

Outgoing& Outbox::append(Queue& queue, std::string_view envelope) {
    Outgoing& body = queue.bodies.emplace_back(fresh());
    body.envelope.assign(envelope);
    return body;
}

void Outbox::settle() {
    if (!open_) return;
    Outgoing& body = *std::exchange(open_, nullptr);
    joinable_ = false;
    Queue& queue = *find(open_peer_);
    if (body.messages > 1 && body.bytes.size() > batch_bytes) {
        split(queue);
    } else {
        count(queue, body, body.bytes.size() - body.counted);
    }
}

std::size_t Outbox::open_bytes() const noexcept { return open_ ? open_->bytes.size() - open_->counted : 0; }

void Outbox::count(Queue& queue, Outgoing& body, std::size_t bytes) noexcept {
    body.counted += bytes;
    queue.bytes += bytes;
    waiting_bytes_ += bytes;
}

/// Moves the message that was added last into a body of its own: together they might be more than the peer takes.
void Outbox::split(Queue& queue) {
    Outgoing own = fresh();
    Outgoing& full = queue.bodies.back();
    own.bytes.assign(full.bytes, last_at_);
    own.messages = 1;
    full.bytes.resize(last_at_);
    --full.messages;
    count(queue, full, full.bytes.size() - full.counted);
    count(queue, own, own.bytes.size());
    queue.bodies.push_back(std::move(own));
}

std::size_t Outbox::clear(PeerId peer, Queue& queue) {
    std::size_t messages = 0;
    for (std::size_t i = queue.first; i < queue.bodies.size(); ++i) {
        messages += queue.bodies[i].messages;
        recycle(queue.bodies[i]);
    }
    waiting_bytes_ -= queue.bytes;
    if (queue.dirty) std::erase(dirty_, peer);
    queue = Queue{};
    queue.generation = peer.generation;
    return messages;
}

Outgoing Outbox::fresh() {
    if (spare_.empty()) return {};
    Outgoing body = std::move(spare_.back());
    spare_.pop_back();
    spare_bytes_ -= sizeof(Outgoing) + body.bytes.capacity();
    return body;
}

void Outbox::recycle(Outgoing& body) {
    const auto kept = sizeof(Outgoing) + body.bytes.capacity();
    body.large.reset();
    if (body.bytes.capacity() > largest_spare || spare_bytes_ + kept > most_spare_bytes) return;
    body.envelope.clear();
    body.bytes.clear();
    body.messages = 0;
    body.counted = 0;
    spare_bytes_ += kept;
    spare_.push_back(std::move(body));
}

}  // namespace rpcbroker
