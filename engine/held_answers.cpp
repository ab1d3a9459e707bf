#include "engine/held_answers.h"

#include <algorithm>

#include "engine/assert.h"

namespace rollcall::engine {
namespace {

constexpr std::size_t kFirstSeries = 16;

std::size_t index(SessionId session) { return static_cast<std::size_t>(session); }

}  // namespace

void HeldAnswers::add(SessionId session, Ticket ticket, std::size_t bytes, AnswerFraming framing) {
  ROLLCALL_ASSERT(bytes > 0);
  if (sessions_.size() <= index(session)) sessions_.resize(index(session) + 1);
  OfSession& of_session = sessions_[index(session)];
  ++of_session.count;
  if (begin_ != end_) {
    Series& last = at(end_ - 1);
    ROLLCALL_ASSERT(last.ticket <= ticket);
    const bool is_same_session = last.session == session && !is_forgotten(end_ - 1);
    const bool is_alike =
        last.ticket == ticket && last.answer_bytes == bytes && last.framing == framing;
    if (is_same_session && is_alike && last.behind_bytes == 0) {
      ++last.answers;
      return;
    }
  }
  if (end_ - begin_ == ring_.size()) grow();
  of_session.last = end_;
  at(end_++) = {ticket, session, 1, static_cast<std::uint32_t>(bytes), 0, framing};
}

void HeldAnswers::add_behind(SessionId session, std::size_t bytes) {
  ROLLCALL_ASSERT(count(session) > 0);
  at(sessions_[index(session)].last).behind_bytes += static_cast<std::uint32_t>(bytes);
}

void HeldAnswers::forget(SessionId session) {
  if (count(session) == 0) return;
  sessions_[index(session)].count = 0;
  sessions_[index(session)].first = end_;
}

bool HeldAnswers::is_forgotten(std::uint64_t place) const {
  return place < sessions_[index(at(place).session)].first;
}

const HeldAnswers::Series* HeldAnswers::next(Ticket up_to) {
  while (begin_ != end_ && is_forgotten(begin_)) ++begin_;
  if (begin_ == end_ || at(begin_).ticket > up_to) return nullptr;
  return &at(begin_);
}

void HeldAnswers::take_next() {
  ROLLCALL_ASSERT(begin_ != end_);
  const Series& series = at(begin_++);
  sessions_[index(series.session)].count -= series.answers;
}

void HeldAnswers::grow() {
  std::vector<Series> larger(std::max(kFirstSeries, ring_.size() * 2));
  for (std::uint64_t place = begin_; place != end_; ++place) {
    larger[place & (larger.size() - 1)] = at(place);
  }
  ring_ = std::move(larger);
}

void HeldAnswers::check_invariants() const {
  ROLLCALL_ASSERT(begin_ <= end_);
  ROLLCALL_ASSERT(end_ - begin_ <= ring_.size());
  std::vector<std::uint32_t> counts(sessions_.size());
  for (std::uint64_t place = begin_; place != end_; ++place) {
    if (is_forgotten(place)) continue;
    const Series& series = at(place);
    counts[index(series.session)] += series.answers;
    ROLLCALL_ASSERT(place <= sessions_[index(series.session)].last);
    ROLLCALL_ASSERT(series.answers > 0 && series.answer_bytes > 0);
  }
  for (std::size_t i = 0; i < counts.size(); ++i) ROLLCALL_ASSERT(counts[i] == sessions_[i].count);
}

}  // namespace rollcall::engine
