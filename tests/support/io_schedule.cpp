#include "tests/support/io_schedule.h"

namespace rollcall::tests {

bool applies(Fault fault, Io io) {
  switch (fault) {
    case Fault::kIoError:
      return true;
    case Fault::kDiskFull:
      return io == Io::kCreate || io == Io::kWrite;
    case Fault::kFailedSync:
      return io == Io::kSync || io == Io::kSyncDirectory;
    case Fault::kShortWrite:
      return io == Io::kWrite;
  }
  __builtin_unreachable();
}

void IoSchedule::fail_at(std::uint64_t number, Fault fault, Times times) {
  armed_ = Armed{number, fault, times};
}

std::optional<Fault> IoSchedule::begin(Io io) {
  if (watcher_) watcher_(next_, io);
  const bool is_off = is_power_off();
  const std::uint64_t number = next_++;
  ++counts_[static_cast<std::size_t>(io)];
  if (is_off) return Fault::kIoError;
  if (!armed_.has_value()) return std::nullopt;
  const Armed armed = *armed_;
  if (number < armed.number || !applies(armed.fault, io)) return std::nullopt;
  if (armed.times == Times::kOnce) heal();
  if (!first_fault_.has_value()) first_fault_ = number;
  ++faults_[static_cast<std::size_t>(armed.fault)];
  return armed.fault;
}

}  // namespace rollcall::tests
