#pragma once

#include <cstddef>

#include "engine/random.h"

namespace rollcall::engine {

// Where on the list samples begin. The first of some at a random place; each further one, while the
// list has as many places, where the one before it ended. So every place is as likely for each of
// them, those who ask at the same time are told of different peers, and what they need of
// memory is near.
class SampleCursor {
 public:
  explicit SampleCursor(SampleGenerator generator) : generator_(generator) {}

  // The next sample begins at a random place.
  void scatter() { places_ = 0; }

  // Where a sample of `size` begins, on a circle of `places`. REQUIRES: places > 0.
  std::size_t take(std::size_t size, std::size_t places) {
    const std::size_t first = places == places_ ? next_ : generator_.below(places);
    next_ = (first + size) % places;
    places_ = places;
    return first;
  }

 private:
  SampleGenerator generator_;
  std::size_t places_ = 0;  // that the last sample was taken from; 0 if the next is a random one
  std::size_t next_ = 0;
};

}  // namespace rollcall::engine
