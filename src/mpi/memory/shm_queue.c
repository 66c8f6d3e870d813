#include "mpi/memory/shm_queue.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/memory/shm_segment.h"
#include <stdatomic.h>

/* Few cells: all of them together should stay in the cache. */
enum { CELLS = 8, LETTERS = 64, LINE = 64, PAGE = 4096 };

/* A rank's letters to one of its neighbours, in the writer's memory. */
typedef struct queue {
  _Alignas(LINE) _Atomic uint64_t written;
  _Alignas(LINE) _Atomic uint64_t read;
  _Alignas(LINE) eplb_letter_t letter[LETTERS];
} queue_t;

/* A rank's shared memory: flags, then a queue for each neighbour, then its cells, from a page on. */
typedef struct segment {
  _Alignas(LINE) _Atomic int busy[CELLS];
  queue_t queue[];
} segment_t;

struct eplb_box {
  MPI_Comm comm; /* of the neighbours */
  eplb_shared_t shared;
  int num_neighbours, own; /* which neighbour this rank is */
  int *rank;               /* [num_neighbours]: in comm */
  int *neighbour;          /* [ranks of comm]: the reverse, or -1 */
  size_t cell_bytes;
};

static size_t whole_pages(size_t bytes) {
  return (bytes + PAGE - 1) / PAGE * PAGE;
}

static size_t cells_begin(int num_neighbours) {
  return whole_pages(sizeof(segment_t) + (size_t)num_neighbours * sizeof(queue_t));
}

static segment_t *segment_of(const eplb_box_t *b, int neighbour) {
  return (segment_t *)b->shared.span[neighbour].base;
}

static char *cell_at(const eplb_box_t *b, int neighbour, int cell) {
  return b->shared.span[neighbour].base + cells_begin(b->num_neighbours) + (size_t)cell * b->cell_bytes;
}

/* Memory for the box itself, before ranks agree to share any. */
static eplb_status_t furnish(MPI_Comm comm, MPI_Comm shared, size_t bytes, eplb_box_t **box) {
  eplb_box_t *b = *box = EPLB_NEW(eplb_box_t, 1);
  if (!b)
    return EPLB_ERR_MEMORY;
  int num_ranks;
  MPI_Comm_size(comm, &num_ranks);
  MPI_Comm_size(shared, &b->num_neighbours);
  MPI_Comm_rank(shared, &b->own);
  b->comm = shared;
  b->cell_bytes = bytes / CELLS / LINE * LINE;
  b->rank = EPLB_NEW(int, b->num_neighbours);
  b->neighbour = EPLB_NEW(int, num_ranks);
  if (!b->rank || !b->neighbour || eplb_shared_allocate(shared, &b->shared))
    return EPLB_ERR_MEMORY;
  for (int r = 0; r < num_ranks; r++)
    b->neighbour[r] = -1;
  return EPLB_SUCCESS;
}

/* Collective over `shared`: the ranks in comm of all neighbours. */
static void introduce(MPI_Comm comm, MPI_Comm shared, eplb_box_t *b) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  MPI_Allgather(&rank, 1, MPI_INT, b->rank, 1, MPI_INT, shared);
  for (int n = 0; n < b->num_neighbours; n++)
    b->neighbour[b->rank[n]] = n;
}

static void release(eplb_box_t **box) {
  if (!*box)
    return;
  MPI_Comm_free(&(*box)->comm);
  eplb_shared_free(&(*box)->shared);
  free((*box)->rank);
  free((*box)->neighbour);
  free(*box);
  *box = NULL;
}

eplb_status_t eplb_box_create(MPI_Comm comm, size_t bytes, eplb_box_t **box) {
  *box = NULL;
  if (bytes < CELLS * LINE)
    return EPLB_SUCCESS;
  MPI_Comm shared;
  int rank, neighbours;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &shared);
  MPI_Comm_size(shared, &neighbours);
  eplb_status_t status = eplb_agree(comm, neighbours > 1 ? furnish(comm, shared, bytes, box) : EPLB_SUCCESS);
  int shares = 0;
  if (!status && *box) {
    introduce(comm, shared, *box);
    shares = eplb_shared_open(shared, cells_begin(neighbours) + CELLS * (*box)->cell_bytes, &(*box)->shared);
  }
  int is_kept = *box != NULL; /* with the communicator */
  if (!shares)
    release(box);
  if (!is_kept)
    MPI_Comm_free(&shared);
  return status;
}

void eplb_box_destroy(eplb_box_t **box) {
  if (box)
    release(box);
}

int eplb_box_reaches(const eplb_box_t *box, int rank) {
  return box && box->neighbour[rank] >= 0;
}

int eplb_box_neighbours(const eplb_box_t *box) {
  return box ? box->num_neighbours : 0;
}

int eplb_box_rank(const eplb_box_t *box, int neighbour) {
  return box->rank[neighbour];
}

int eplb_box_own(const eplb_box_t *box) {
  return box->own;
}

MPI_Comm eplb_box_comm(const eplb_box_t *box) {
  return box->comm;
}

size_t eplb_box_chunk(const eplb_box_t *box) {
  return box->cell_bytes;
}

char *eplb_box_take(eplb_box_t *box, int *cell) {
  segment_t *own = segment_of(box, box->own);
  for (int c = 0; c < CELLS; c++)
    if (!atomic_load_explicit(&own->busy[c], memory_order_acquire)) {
      *cell = c;
      return cell_at(box, box->own, c);
    }
  return NULL;
}

int eplb_box_has_room(const eplb_box_t *box, int rank) {
  const queue_t *queue = &segment_of(box, box->own)->queue[box->neighbour[rank]];
  return atomic_load_explicit(&queue->written, memory_order_relaxed) -
             atomic_load_explicit(&queue->read, memory_order_acquire) <
         LETTERS;
}

void eplb_box_post(eplb_box_t *box, int rank, const eplb_letter_t *letter) {
  segment_t *own = segment_of(box, box->own);
  queue_t *queue = &own->queue[box->neighbour[rank]];
  uint64_t written = atomic_load_explicit(&queue->written, memory_order_relaxed);
  if (letter->cell >= 0)
    atomic_store_explicit(&own->busy[letter->cell], 1, memory_order_relaxed);
  queue->letter[written % LETTERS] = *letter;
  atomic_store_explicit(&queue->written, written + 1, memory_order_release);
}

int eplb_box_peek(const eplb_box_t *box, int neighbour, eplb_letter_t *letter) {
  const queue_t *queue = &segment_of(box, neighbour)->queue[box->own];
  uint64_t read = atomic_load_explicit(&queue->read, memory_order_relaxed);
  if (atomic_load_explicit(&queue->written, memory_order_acquire) == read)
    return 0;
  *letter = queue->letter[read % LETTERS];
  return 1;
}

const char *eplb_box_cell(const eplb_box_t *box, int neighbour, const eplb_letter_t *letter) {
  return cell_at(box, neighbour, letter->cell);
}

void eplb_box_free(eplb_box_t *box, int neighbour) {
  segment_t *owner = segment_of(box, neighbour);
  queue_t *queue = &owner->queue[box->own];
  uint64_t read = atomic_load_explicit(&queue->read, memory_order_relaxed);
  int cell = queue->letter[read % LETTERS].cell;
  atomic_store_explicit(&queue->read, read + 1, memory_order_release);
  if (cell >= 0)
    atomic_store_explicit(&owner->busy[cell], 0, memory_order_release);
}
