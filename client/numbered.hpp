// A table of values under ascending numbers: adding, finding and taking out in constant time, without hashing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace rpcbroker {

/// Gives each value the next number (never 0) and holds it at that number's low bits; a number whose place is still
/// taken by an older value is skipped. So a number that was erased is not used again before all others were, and one
/// that comes late or from nowhere finds nothing. `add` invalidates pointers. Not thread-safe.
template <class Number, class T>
class Numbered {
public:
    /// A number for a T{}, which is at() it.
    Number add() {
        if (2 * size_ > mask_) grow();
        do ++last_;
        while (last_ == 0 || place(last_).number != 0);
        place(last_).number = last_;
        ++size_;
        return last_;
    }
    Number add(T value) {
        const Number number = add();
        at(number) = std::move(value);
        return number;
    }

    /// Null when nothing has this number (any more).
    [[nodiscard]] T* find(Number number) noexcept {
        if (number == 0) return nullptr;
        Place& found = place(number);
        return found.number == number ? &found.value : nullptr;
    }

    /// What is held under this number. There must be something.
    [[nodiscard]] T& at(Number number) noexcept { return place(number).value; }

    void erase(Number number) noexcept {
        if (!find(number)) return;
        Place& left = place(number);
        std::destroy_at(&left.value);
        std::construct_at(&left.value);
        left.number = 0;
        --size_;
    }

    /// All numbers that are held, in no order.
    [[nodiscard]] std::vector<Number> numbers() const {
        std::vector<Number> all;
        all.reserve(size_);
        for (const Place& each : places_)
            if (each.number != 0) all.push_back(each.number);
        return all;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    struct Place {
        Number number = 0;
        T value{};
    };

    Place& place(Number number) noexcept { return places_[number & mask_]; }

    /// Numbers that differ in fewer bits differ in more: each finds a place of its own.
    void grow() {
        std::vector<Place> old(2 * places_.size());
        old.swap(places_);
        mask_ = places_.size() - 1;
        for (Place& each : old)
            if (each.number != 0) place(each.number) = std::move(each);
    }

    std::vector<Place> places_ = std::vector<Place>(16);  ///< a power of two of them, at most half full
    std::size_t mask_ = places_.size() - 1;
    std::size_t size_ = 0;
    Number last_ = 0;
};

}  // namespace rpcbroker
