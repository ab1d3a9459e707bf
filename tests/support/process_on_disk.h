#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/random.h"
#include "store/lease_clock.h"
#include "store/store.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/store_ledger.h"

namespace rollcall::tests {

// What a process that has a store does.
struct Step {
  enum class Kind : std::uint8_t {
    kChanges,    // `count` changes, which are told together
    kCommit,     // so many commits; the first with all changes since the last one
    kWallClock,  // it steps by `count` seconds
    kReplace,    // all entries into a new file
    kRestart,    // a stop that flushes first, and a start
    kKill,       // kill -9, and a start
  };
  Kind kind;
  int count = 1;
};

// How a process came to its end.
enum class Ending : std::uint8_t { kPowerLoss, kKill };

// A process with a store on a simulated disk, and a ledger of what that acknowledged, which
// compares what the store finds whenever it is started. It does what servers do: changes that could
// not be written are written again before anything else, and a store that is distrusted is
// replaced; where the store cannot be opened it is tried again with the next step.
class ProcessOnDisk {
 public:
  // Opens a store, which is to be loaded. Null if that failed; `objection` says what must not be,
  // such as a wrong reason.
  using Opener =
      std::function<std::unique_ptr<store::Store>(SimulatedDisk& disk, std::string& objection)>;

  ProcessOnDisk(std::unique_ptr<SimulatedDisk> disk, Opener opener);
  virtual ~ProcessOnDisk() = default;
  ProcessOnDisk(const ProcessOnDisk&) = delete;
  ProcessOnDisk& operator=(const ProcessOnDisk&) = delete;

  SimulatedDisk& disk() { return *disk_; }

  // Unless it runs: opens the store and reads it. Whether it runs now.
  bool start();
  void perform(const Step& step);
  // Makes some changes and commits them, and where that fails some more. Whether any were
  // acknowledged.
  bool go_on();

  // The process that is started on `left`, what the end of this one has left of its disk. This one
  // may be in the midst of anything.
  virtual std::unique_ptr<ProcessOnDisk> successor(std::unique_ptr<SimulatedDisk> left,
                                                   Ending ending) const = 0;

  // Counts the moments from which on less may be found after a crash.
  std::uint64_t acknowledgements() const { return acknowledgements_; }
  // The first thing that must not be. Empty if there is none.
  const std::string& objection() const { return objection_; }

 protected:
  // Loads the store, compares, and is ready for changes. Whether the store could be read.
  virtual bool begin(store::Store& store) = 0;
  virtual void change(int count) = 0;
  // Whether all changes so far are durable.
  virtual bool commit(store::Store& store) = 0;
  virtual void replace(store::Store& store) = 0;
  virtual void step_wall_clock(std::chrono::seconds by) = 0;
  // Memory is lost. The store is gone right after.
  virtual void forget() = 0;

  void object(const std::string& objection);
  void note_acknowledgement() { ++acknowledgements_; }
  const Opener& opener() const { return opener_; }
  // How whoever ran before this one ended.
  Ending ending_before() const { return ending_before_; }
  void follows(Ending ending) { ending_before_ = ending; }

 private:
  void end();
  void kill();

  std::unique_ptr<SimulatedDisk> disk_;
  const Opener opener_;
  std::unique_ptr<store::Store> store_;  // null: it does not run
  Ending ending_before_ = Ending::kPowerLoss;
  std::uint64_t acknowledgements_ = 0;
  std::string objection_;
};

}  // namespace rollcall::tests
