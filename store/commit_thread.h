#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "engine/time.h"
#include "store/group_commit.h"
#include "store/lease_clock.h"

namespace rollcall::store {

// The thread that owns the store: commits when the GroupCommit wakes it, and goes on where more has
// come meanwhile, once it has let others have the processor. While nothing is asked for it sleeps;
// it wakes by itself only to try a store again that failed, and to go on with maintenance. Where
// answers do not wait (Durability::kAsync), changes gather for limits::kAsyncCommit, and for less
// while the list is written anew or too much is on its way (GroupCommit::is_behind).
class CommitThread {
 public:
  using ReadClocks = std::function<ClockReading()>;
  // Called on this thread after every commit, in the order of the tickets. May not wait for an
  // engine.
  using OnResolved = std::function<void(const Resolved&)>;

  // Starts. `group` must outlive this; nothing else may call its store's side meanwhile.
  // REQUIRES: no engine uses `group` yet, nor after this has gone.
  CommitThread(GroupCommit& group, ReadClocks read_clocks, OnResolved on_resolved);
  // Stops.
  ~CommitThread();
  CommitThread(const CommitThread&) = delete;
  CommitThread& operator=(const CommitThread&) = delete;

  // Commits everything that was appended before, and ends the thread. A store that fails is tried a
  // few times, but its file is not replaced: that takes time in proportion to the entries. Whether
  // everything is durable; further calls say the same. Tickets that are asked for from now on may
  // never be resolved.
  bool stop();

 private:
  void run();
  // Sleeps until there is something to do. False if that is to stop.
  bool wait();
  Resolved commit();
  bool commit_the_rest();

  GroupCommit& group_;
  const ReadClocks read_clocks_;
  const OnResolved on_resolved_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_woken_ = false;     // with mutex_
  bool is_stopping_ = false;  // with mutex_

  engine::Instant pause_until_{};  // this thread's own
  bool is_durable_ = false;        // written before it ends, read after
  std::thread thread_;
};

}  // namespace rollcall::store
