#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libraries.h"

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

/// What child and parent share; the parent takes nothing of it on trust.
struct shared {
  int32_t isDone;
  struct apus_solver_answer answer;
  double point[];
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/// Bytes of data that the process has, or -1.
static long long dataBytes(void) {
  char text[128] = {0};
  int file = open("/proc/self/statm", O_RDONLY);
  if (file < 0) return -1;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  long long pages;
  if (length <= 0 || sscanf(text, "%*d %*d %*d %*d %*d %lld", &pages) != 1) return -1;
  return pages * sysconf(_SC_PAGESIZE);
}

/// Leaves the child nothing that it could do harm with: no files, no terminal, no handlers of ours, limited memory.
static void confine(int keep, double seconds) {
  setpgid(0, 0);
  for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  struct rlimit nothing = {0, 0}, time = {(rlim_t)seconds + 10, (rlim_t)seconds + 10};
  long long bytes = dataBytes();
  if (bytes >= 0) {
    // What the parent has, and 8 GiB.
    struct rlimit data = {(rlim_t)bytes + (8ull << 30), (rlim_t)bytes + (8ull << 30)};
    setrlimit(RLIMIT_DATA, &data);
  }
  setrlimit(RLIMIT_CORE, &nothing);
  setrlimit(RLIMIT_FSIZE, &nothing);
  setrlimit(RLIMIT_CPU, &time);
  int empty = open("/dev/null", O_RDWR);
  for (int file = 0; file < 3; file++) {
    if (empty < 0 || dup2(empty, file) < 0) close(file);
  }
  long most = sysconf(_SC_OPEN_MAX);
  if (most < 0 || most > 4096) most = 4096;
  for (int file = 3; file < most; file++) {
    if (file != keep) close(file);
  }
}

static void work(const char *library, const struct apus_program *program, double seconds, struct shared *shared) {
  struct apus_solver_answer *answer = &shared->answer;
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  answer->status = APUS_SOLVER_MISSING;
  if (handle && (apus_solve_with_highs(handle, program, seconds, shared->point, answer) ||
                 apus_solve_with_cbc(handle, program, seconds, shared->point, answer)))
    answer->status = APUS_SOLVER_DONE;
  shared->isDone = 1;
}

/// Waits until the child has ended, but leaves it to be reaped, or time is up; whether it has ended.
static int await(pid_t child, int pipe, double deadline) {
  for (;;) {
    siginfo_t info = {0};
    int outcome = waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT);
    // No such child: someone else waits for all children, and has got it.
    if (outcome == 0 ? info.si_pid == child : errno != EINTR) return 1;
    double left = deadline - now();
    if (left <= 0) return 0;
    struct pollfd file = {pipe, 0, 0};
    // The pipe breaks when the child ends; what the child may have started could hold it open, so look now and then.
    int wait = (int)(fmin(left, 0.05) * 1000) + 1;
    if (poll(&file, 1, wait) > 0) {
      struct timespec moment = {0, 200000};
      nanosleep(&moment, NULL);
    }
  }
}

void apus_solver_run(const char *library, const struct apus_program *program, double seconds, double *point,
                     struct apus_solver_answer *answer) {
  memset(answer, 0, sizeof *answer);
  answer->status = APUS_SOLVER_REFUSED;
  size_t columns = program ? (size_t)program->columns : 0;
  size_t bytes = sizeof(struct shared) + columns * sizeof(double);
  struct shared *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int ends[2];
  if (shared == MAP_FAILED) {
    answer->detail = errno;
    return;
  }
  if (pipe(ends) != 0) {
    answer->detail = errno;
    munmap(shared, bytes);
    return;
  }
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  pid_t child = fork();
  if (child == 0) {
    confine(ends[1], seconds);
    work(library, program, seconds, shared);
    _exit(0);
  }
  close(ends[1]);
  if (child < 0) {
    answer->detail = errno;
  } else {
    // A solver that heeds its limit still has to read the program in and to clean up.
    int status = 0;
    int hasEnded = await(child, ends[0], now() + seconds * 1.1 + 1);
    // What it has started goes with it.
    kill(-child, SIGKILL);
    if (!hasEnded) kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!hasEnded) {
      answer->status = APUS_SOLVER_LATE;
    } else if (shared->isDone == 1 && WIFEXITED(status)) {
      *answer = shared->answer;
      answer->version[sizeof answer->version - 1] = 0;
      if (point && columns) memcpy(point, shared->point, columns * sizeof(double));
    } else {
      answer->status = APUS_SOLVER_ENDED;
      answer->detail = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }
  }
  close(ends[0]);
  munmap(shared, bytes);
}
