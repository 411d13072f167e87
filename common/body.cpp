#include "common/body.hpp"

#include <new>
#include <utility>

namespace rpcbroker {
namespace {

std::string& text_at(void* held) noexcept { return *std::launder(static_cast<std::string*>(held)); }

void relocate_text(void* from, void* to) noexcept {
    new (to) std::string(std::move(text_at(from)));
    text_at(from).~basic_string();
}

void destroy_text(void* held) noexcept { text_at(held).~basic_string(); }

char* text_data(void* held) noexcept { return text_at(held).data(); }

std::size_t text_size(const void* held) noexcept { return std::launder(static_cast<const std::string*>(held))->size(); }

constexpr Body::Operations text_operations{relocate_text, destroy_text, text_data, text_size};

static_assert(sizeof(std::string) <= Body::capacity);

}  // namespace

Body::Body(std::string bytes) { new (emplace(text_operations)) std::string(std::move(bytes)); }

Body& Body::operator=(Body&& other) noexcept {
    if (this == &other) return *this;
    reset();
    take(other);
    return *this;
}

void* Body::emplace(const Operations& operations) noexcept {
    reset();
    operations_ = &operations;
    return storage_;
}

Body Body::share() noexcept {
    Body other;
    if (operations_ && operations_->share) operations_->share(storage_, other.emplace(*operations_));
    return other;
}

std::string_view Body::bytes() const noexcept {
    if (!operations_) return {};
    return {operations_->data(storage_), operations_->size(storage_)};
}

void Body::reset() noexcept {
    if (const auto* operations = std::exchange(operations_, nullptr)) operations->destroy(storage_);
}

void Body::take(Body& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_) operations_->relocate(other.storage_, storage_);
}

}  // namespace rpcbroker
