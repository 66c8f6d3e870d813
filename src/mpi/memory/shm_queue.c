/* Queues between ranks of a node in shared memory. Each pair of ranks has a ring with one writer and one reader, so no
 * locks are needed; the bytes of a chunk lie in cells of the writer. */
#include "mpi/memory/shm_queue.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/split.h"
#include "mpi/memory/shm_segment.h"
#include <stdatomic.h>

/* Few cells: all of them together should stay in the cache. */
enum { CELLS = 8, MESSAGES = 64, LINE = 64, PAGE = 4096 };

/* A rank's messages to one of its neighbours, in the writer's memory. */
typedef struct ring {
  _Alignas(LINE) _Atomic uint64_t written;
  _Alignas(LINE) _Atomic uint64_t read;
  _Alignas(LINE) eplb_shm_message_t message[MESSAGES];
} ring_t;

/* A rank's shared memory: flags, then a ring for each neighbour, then its cells, from a page on. */
typedef struct segment {
  _Alignas(LINE) _Atomic int busy[CELLS];
  ring_t ring[];
} segment_t;

struct eplb_shm_queue {
  eplb_comm_t comm; /* of the neighbours */
  eplb_shm_segment_t shared;
  int num_neighbours, own; /* which neighbour this rank is */
  int *rank;               /* [num_neighbours]: in comm */
  int *neighbour;          /* [ranks of comm]: the reverse, or -1 */
  size_t cell_bytes;
};

static size_t whole_pages(size_t bytes) {
  return (bytes + PAGE - 1) / PAGE * PAGE;
}

static size_t cells_begin(int num_neighbours) {
  return whole_pages(sizeof(segment_t) + (size_t)num_neighbours * sizeof(ring_t));
}

static segment_t *segment_of(const eplb_shm_queue_t *b, int neighbour) {
  return (segment_t *)b->shared.span[neighbour].base;
}

static char *cell_at(const eplb_shm_queue_t *b, int neighbour, int cell) {
  return b->shared.span[neighbour].base + cells_begin(b->num_neighbours) + (size_t)cell * b->cell_bytes;
}

/* Memory for the queue itself, before ranks agree to share any. */
static eplb_status_t allocate_queue(const eplb_comm_t *comm, const eplb_comm_t *shared, size_t bytes,
                                    eplb_shm_queue_t **queue) {
  eplb_shm_queue_t *b = *queue = EPLB_NEW(eplb_shm_queue_t, 1);
  if (!b)
    return EPLB_ERR_MEMORY;
  b->num_neighbours = shared->size;
  b->own = shared->rank;
  b->comm = *shared;
  b->cell_bytes = bytes / CELLS / LINE * LINE;
  b->rank = EPLB_NEW(int, b->num_neighbours);
  b->neighbour = EPLB_NEW(int, comm->size);
  if (!b->rank || !b->neighbour || eplb_shm_segment_allocate(shared, &b->shared))
    return EPLB_ERR_MEMORY;
  for (int r = 0; r < comm->size; r++)
    b->neighbour[r] = -1;
  return EPLB_SUCCESS;
}

/* Collective over the neighbours: their ranks in comm. */
static void exchange_ranks(const eplb_comm_t *comm, eplb_shm_queue_t *b) {
  int told = eplb_comm_ok(&b->comm, MPI_Allgather(&comm->rank, 1, MPI_INT, b->rank, 1, MPI_INT, b->comm.mpi),
                          "exchanging the numbers of neighbours");
  for (int n = 0; n < b->num_neighbours && told; n++)
    b->neighbour[b->rank[n]] = n;
}

static void release_queue(eplb_shm_queue_t **queue) {
  if (!*queue)
    return;
  eplb_comm_free(&(*queue)->comm);
  eplb_shm_segment_free(&(*queue)->shared);
  free((*queue)->rank);
  free((*queue)->neighbour);
  free(*queue);
  *queue = NULL;
}

eplb_status_t eplb_shm_queue_create(eplb_comm_t *comm, size_t bytes, eplb_shm_queue_t **queue) {
  *queue = NULL;
  if (bytes < CELLS * LINE)
    return EPLB_SUCCESS;
  eplb_comm_t shared;
  eplb_status_t status = eplb_comm_split_shared(comm, &shared, NULL);
  if (!status)
    status = eplb_agree(comm, shared.size > 1 ? allocate_queue(comm, &shared, bytes, queue) : EPLB_SUCCESS);
  int shares = 0;
  if (!status && *queue) {
    exchange_ranks(comm, *queue);
    shares = eplb_shm_segment_open(&(*queue)->comm, cells_begin(shared.size) + CELLS * (*queue)->cell_bytes,
                                   &(*queue)->shared);
  }
  int is_kept = *queue != NULL; /* with the communicator */
  if (!shares)
    release_queue(queue);
  if (!is_kept)
    eplb_comm_free(&shared);
  return status ? status : eplb_agree(comm, EPLB_SUCCESS);
}

void eplb_shm_queue_destroy(eplb_shm_queue_t **queue) {
  if (queue)
    release_queue(queue);
}

int eplb_shm_queue_reaches(const eplb_shm_queue_t *queue, int rank) {
  return queue && queue->neighbour[rank] >= 0;
}

int eplb_shm_queue_neighbours(const eplb_shm_queue_t *queue) {
  return queue ? queue->num_neighbours : 0;
}

int eplb_shm_queue_rank(const eplb_shm_queue_t *queue, int neighbour) {
  return queue->rank[neighbour];
}

int eplb_shm_queue_own(const eplb_shm_queue_t *queue) {
  return queue->own;
}

eplb_comm_t *eplb_shm_queue_comm(eplb_shm_queue_t *queue) {
  return &queue->comm;
}

size_t eplb_shm_queue_chunk(const eplb_shm_queue_t *queue) {
  return queue->cell_bytes;
}

char *eplb_shm_queue_take(eplb_shm_queue_t *queue, int *cell) {
  segment_t *own = segment_of(queue, queue->own);
  for (int c = 0; c < CELLS; c++)
    if (!atomic_load_explicit(&own->busy[c], memory_order_acquire)) {
      *cell = c;
      return cell_at(queue, queue->own, c);
    }
  return NULL;
}

int eplb_shm_queue_has_room(const eplb_shm_queue_t *queue, int rank) {
  const ring_t *ring = &segment_of(queue, queue->own)->ring[queue->neighbour[rank]];
  return atomic_load_explicit(&ring->written, memory_order_relaxed) -
             atomic_load_explicit(&ring->read, memory_order_acquire) <
         MESSAGES;
}

void eplb_shm_queue_post(eplb_shm_queue_t *queue, int rank, const eplb_shm_message_t *message) {
  segment_t *own = segment_of(queue, queue->own);
  ring_t *ring = &own->ring[queue->neighbour[rank]];
  uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
  if (message->cell >= 0)
    atomic_store_explicit(&own->busy[message->cell], 1, memory_order_relaxed);
  ring->message[written % MESSAGES] = *message;
  atomic_store_explicit(&ring->written, written + 1, memory_order_release);
}

int eplb_shm_queue_peek(const eplb_shm_queue_t *queue, int neighbour, eplb_shm_message_t *message) {
  const ring_t *ring = &segment_of(queue, neighbour)->ring[queue->own];
  uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
  if (atomic_load_explicit(&ring->written, memory_order_acquire) == read)
    return 0;
  *message = ring->message[read % MESSAGES];
  return 1;
}

const char *eplb_shm_queue_cell(const eplb_shm_queue_t *queue, int neighbour, const eplb_shm_message_t *message) {
  return cell_at(queue, neighbour, message->cell);
}

void eplb_shm_queue_free(eplb_shm_queue_t *queue, int neighbour) {
  segment_t *owner = segment_of(queue, neighbour);
  ring_t *ring = &owner->ring[queue->own];
  uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
  int cell = ring->message[read % MESSAGES].cell;
  atomic_store_explicit(&ring->read, read + 1, memory_order_release);
  if (cell >= 0)
    atomic_store_explicit(&owner->busy[cell], 0, memory_order_release);
}
