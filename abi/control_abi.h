/* SPDX-License-Identifier: Apache-2.0
 *
 * The control file of a session, for C and C++: one page, the process slots, and the list of
 * functions that are switched off. The shim (C) writes slots, the runtime (C++) adds to the slot of
 * its process, the collector reads and frees them. abi/session_abi.h has the C++ names of what is
 * here.
 *
 * Every integer that two processes touch is read and written with __atomic builtins. A slot is
 * claimed by compare-and-swap of its state from UNUSED to CLAIMED, filled in, and published by a
 * release store of a further state; then the claimer adds one to `full_chunks` and wakes the
 * collector if that is asleep. Only the collector makes a slot UNUSED again.
 */
#pragma once

#include <stdint.h>

#define VTN_CONTROL_MAGIC 0x31306c74636e7476u /* "vtnctl01" */
#define VTN_SESSION_ABI_VERSION 7u

/* The file has room for so many; it has memory for `ControlPage.process_slots` of them, which the
 * collector raises ahead of need. */
#define VTN_MAX_PROCESSES 32768u
#define VTN_CONTROL_HEAD_BYTES 4096u
#define VTN_SLOT_BYTES 1024u
#define VTN_SLOT_TEXT_BYTES 888u
#define VTN_HOST_BYTES 1536u
/* What the list has room for. It has memory in sessions with VTN_OPTION_BUDGET alone. */
#define VTN_MAX_SWITCHED_OFF 131072u

enum { VTN_CHUNK_CLASSES = 5 };

enum {
  VTN_OPTION_IGNORE_C_FUNCTIONS = 1u << 0,
  VTN_OPTION_ONLY_PROGRAM = 1u << 1, /* its children run untraced */
  VTN_OPTION_LOG_LINES = 1u << 2,    /* with each Python call the line that it is made from */
  /* Functions that are hidden, beside those of the settings file: */
  VTN_OPTION_MINE = 1u << 3,                /* the standard library, installed packages */
  VTN_OPTION_NO_STANDARD_LIBRARY = 1u << 4, /* the standard library */
  VTN_OPTION_NO_IMPORT = 1u << 5,           /* importlib's, and bodies of modules */
  VTN_OPTION_IGNORE_FROZEN = 1u << 6,       /* frozen ones */
  /* Values, beside the settings file's patterns: */
  VTN_OPTION_ARGUMENTS = 1u << 7,     /* of every Python call that is recorded */
  VTN_OPTION_RETURN_VALUES = 1u << 8, /* likewise */
  VTN_OPTION_NO_REPR = 1u << 9,       /* nothing but types */
  VTN_OPTION_NO_REDACT = 1u << 10,    /* secrets too */
  VTN_OPTION_LOG_GC = 1u << 11,       /* runs of the cyclic garbage collector */
  VTN_OPTION_LOG_EXCEPTIONS = 1u << 12,
  VTN_OPTION_OWN_REPR = 1u << 13,      /* values are told of by the program's own repr */
  VTN_OPTION_OBJECT_FIELDS = 1u << 14, /* objects by what is in their __dict__ */
  VTN_OPTION_LOG_PRINT = 1u << 15,
  VTN_OPTION_LOG_AUDIT = 1u << 16,      /* every audit event; else those of the settings file */
  VTN_OPTION_LOG_SPARSE = 1u << 17,     /* nothing but what the program logs itself */
  VTN_OPTION_MAGIC_COMMENTS = 1u << 18, /* what comments in the source ask for */
  VTN_OPTION_BUDGET = 1u << 19,         /* functions are switched off that are called too often */
  VTN_OPTION_NO_ALIAS = 1u << 20,       /* `import viztracer` is the program's */
  VTN_OPTION_NO_LIBRARY_SPANS = 1u
                                << 21, /* spans that the program makes by libraries are not told */
  VTN_OPTION_NO_ROWS = 1u << 22,       /* nor are tests */
};

/* vtn_control_page.collector_waiting */
enum {
  VTN_COLLECTOR_AWAKE = 0,
  VTN_COLLECTOR_ASLEEP = 1, /* wake it for anything */
  VTN_COLLECTOR_DOZING = 2, /* looks by itself soon: wake it for a full chunk, not for any slot */
};

enum { VTN_CLOCK_TSC = 1, VTN_CLOCK_MONOTONIC = 2 };

/* vtn_control_page.late_wish */
enum {
  VTN_LATE_BY_ITSELF = 0, /* whoever is in the process says when recording begins */
  VTN_LATE_RECORD = 1,
  VTN_LATE_STOP = 2,
};

/* vtn_process_slot.state */
enum {
  VTN_SLOT_UNUSED = 0,
  VTN_SLOT_CLAIMED = 1,   /* being filled in */
  VTN_SLOT_PRESENT = 2,   /* filled in; nothing is recorded of it so far */
  VTN_SLOT_TRACING = 3,   /* its names stream begins with a ProcessRecord */
  VTN_SLOT_UNTRACED = 4,  /* a CPython that stays untraced: see reason */
  VTN_SLOT_WITHDRAWN = 5, /* what was to start did not */
};

/* vtn_process_slot.kind */
enum {
  /* A program, as its constructor found it after an exec. Text: executable, then its arguments. */
  VTN_SLOT_IMAGE = 1,
  /* A child of a fork that has had no exec so far. No text: it is its parent's. */
  VTN_SLOT_FORKED = 2,
  /* Written by whoever starts a program, before the exec: what is to be started, and why it cannot
   * be traced if it cannot (reason). Text as of an image. The program's own slot follows if
   * something can be preloaded into it. pid is 0 until posix_spawn has told it. */
  VTN_SLOT_START = 3,
};

/* vtn_process_slot.flags */
enum {
  VTN_SLOT_PYTHON = 1u << 0, /* a CPython was found in it */
  /* It is about to end, and says so; or it is of a kind (Go) that ends without a word to us. Where
   * neither is said and it ends by itself all the same, it has left us behind: VTN_UNTRACED_LEFT.
   */
  VTN_SLOT_ENDING = 1u << 1,
  /* It ran before the session did, and goes on afterwards: nobody waits for its end. */
  VTN_SLOT_ATTACHED = 1u << 2,
};

/* vtn_process_slot.reason: why it runs untraced */
enum {
  VTN_UNTRACED_NONE = 0,
  VTN_UNTRACED_TOO_OLD = 1,        /* a CPython before 3.10 */
  VTN_UNTRACED_SELF_TEST = 2,      /* the interpreter is not laid out as expected */
  VTN_UNTRACED_NO_ARENA = 3,       /* the arena could not be mapped */
  VTN_UNTRACED_JIT = 4,            /* 3.14's JIT corrupts locals under any tool */
  VTN_UNTRACED_FREE_THREADED = 5,  /* a build without the GIL */
  VTN_UNTRACED_API_MISSING = 6,    /* a function of the C API is not there */
  VTN_UNTRACED_INSTALL_FAILED = 7, /* the interpreter refused the callbacks */
  /* Known before it starts: */
  VTN_UNTRACED_STATIC = 8,        /* a static executable: nothing can be preloaded */
  VTN_UNTRACED_SETUID = 9,        /* the loader drops preloads that are not the system's */
  VTN_UNTRACED_FOREIGN = 10,      /* of another architecture, or for another C library */
  VTN_UNTRACED_SANITIZER = 11,    /* AddressSanitizer insists on being the first library */
  VTN_UNTRACED_LOADER = 12,       /* ld.so itself, ldd: they print what is preloaded */
  VTN_UNTRACED_EXCLUDED = 13,     /* the user did not want it (--exclude_process) */
  VTN_UNTRACED_NOT_WANTED = 14,   /* only the program itself is traced (--ignore_multiprocess) */
  VTN_UNTRACED_SWITCHED_OFF = 15, /* VIZTRACER_NATIVE=0 in its environment */
  VTN_UNTRACED_UNREACHABLE = 16,  /* our files are not there where it starts (chroot) */
  /* Found out by the collector, of what execs with an instruction of its own: */
  VTN_UNTRACED_PAST_US = 17, /* it was executed without our entry */
  VTN_UNTRACED_LEFT = 18,    /* it went on as another program or ended so: nobody could tell */
};

typedef struct {
  uint32_t state;
  uint32_t kind;
  uint32_t flags;
  uint32_t reason;
  uint32_t pid;           /* as the process sees itself */
  uint32_t parent_pid;    /* as it sees its parent; of a start: the starting process */
  uint32_t parent_tid;    /* the thread that forked or started it; 0: unknown */
  uint32_t pid_namespace; /* inode of /proc/self/ns/pid; 0: unknown */
  uint64_t start_ticks;
  uint64_t exec_ticks;  /* an exec is under way since then; 0: none. Its next image follows. */
  uint64_t exit_ticks;  /* when it told its end, or its parent did; 0: nobody did */
  uint32_t exit_status; /* as from waitpid(2); valid if exit_known */
  uint32_t exit_known;
  uint32_t python_version;
  uint32_t threads; /* thread numbers given out */
  uint32_t stalls;  /* times a thread waited for a chunk */
  uint32_t text_bytes;
  uint64_t lost_events; /* not recorded, all threads */
  uint64_t stall_ticks;
  uint64_t reserved[5];
  char text[VTN_SLOT_TEXT_BYTES]; /* executable, NUL, each argument with its NUL; cut at the end */
} vtn_process_slot;

/* A function that is not to be recorded any more (--budget). The collector adds it and then raises
 * vtn_control_page.switched_off; nothing is ever taken out. A process heeds what was added since it
 * began: its slot may have been another's before. */
typedef struct {
  uint32_t slot;
  uint32_t id; /* as in the names of that process */
} vtn_switched_off;

typedef struct {
  uint64_t offset_bytes; /* of its first chunk in the arena file */
  uint32_t first_chunk;  /* index of its first header */
  uint32_t count;
} vtn_chunk_class;

typedef struct {
  uint64_t arena_bytes;
  uint32_t chunk_count;
  uint32_t reserved;
  vtn_chunk_class classes[VTN_CHUNK_CLASSES];
} vtn_arena_geometry;

typedef struct {
  uint64_t magic;
  uint32_t abi_version;
  uint32_t options;            /* VTN_OPTION_ bits */
  uint32_t clock_kind;         /* VTN_CLOCK_ */
  uint32_t state;              /* SessionState */
  uint32_t full_chunks;        /* counts what waits for the collector, which waits on it (futex) */
  uint32_t freed_chunks;       /* counts chunks set free; producers without one wait on it */
  uint32_t waiting_producers;  /* who waits on freed_chunks */
  uint32_t collector_waiting;  /* VTN_COLLECTOR_: how the collector waits on full_chunks */
  uint32_t process_high_water; /* slots ever used */
  uint32_t process_slots;      /* slots that have memory */
  uint32_t unslotted;          /* processes that found no slot: in no report, but counted */
  uint32_t pid_namespace;      /* of the launcher, as in a slot */
  vtn_arena_geometry geometry;
  /* A process of the tree may be in another pid namespace than its parent without being the first
   * in it: each looks where it is. 0: only those without a parent that they see have to. */
  uint32_t namespaces_vary;
  /* Forks that have begun, and children of them that have said so: where they differ for long, a
   * fork has failed or a child was killed at birth. */
  uint32_t forks_begun;
  uint32_t forks_met;
  uint32_t spool_error; /* errno of the collector's write that failed; 0: none has */
  /* Of a session that a program began by itself: it wants no report at its end, having made those
   * that it wanted. */
  uint32_t report_unwanted;
  /* Of processes that run already and are attached to: what the launcher wants of them (VTN_LATE_),
   * and how many of them have done it. Whoever changes one of these wakes those who wait on it. */
  uint32_t late_wish;
  uint32_t late_begun;
  uint32_t late_refused;
  uint32_t late_ended;
  uint32_t reserved2;
  uint64_t reserved1[11];
  /* Of the settings file (settings_abi.h); 0: it holds nothing for processes of the tree. */
  uint32_t settings_bytes;
  uint32_t switched_off; /* entries of that list */
  /* Where the program runs in the embed host: that file (host_inode is 0 where it does not), and
   * what it stands for, each with its NUL: the interpreter (empty: there is none), its libpython.
   * An exec of the host, which is what a program finds in /proc/self/exe, means the interpreter. */
  uint64_t host_device;
  uint64_t host_inode;
  char host[VTN_HOST_BYTES];
} vtn_control_page;

#define VTN_SLOTS_END (VTN_CONTROL_HEAD_BYTES + (uint64_t)VTN_MAX_PROCESSES * VTN_SLOT_BYTES)
#define VTN_CONTROL_BYTES \
  (VTN_SLOTS_END + (uint64_t)VTN_MAX_SWITCHED_OFF * sizeof(vtn_switched_off))

#ifdef __cplusplus
static_assert(sizeof(vtn_process_slot) == VTN_SLOT_BYTES);
static_assert(sizeof(vtn_control_page) <= VTN_CONTROL_HEAD_BYTES);
#else
_Static_assert(sizeof(vtn_process_slot) == VTN_SLOT_BYTES, "slot");
_Static_assert(sizeof(vtn_control_page) <= VTN_CONTROL_HEAD_BYTES, "page");
#endif
