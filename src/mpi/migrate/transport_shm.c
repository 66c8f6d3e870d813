#include "mpi/migrate/transport_shm.h"
#include <string.h>

void eplb_letters_start(eplb_mover_t *m) {
  const eplb_box_t *box = m->session->box;
  int32_t used = 0;
  for (int n = 0; n < eplb_box_neighbours(box); n++) {
    m->letters_begin[n] = used;
    for (int i = m->flight->incoming_begin; i < m->flight->incoming_end; i++)
      if (m->moves->incoming[i].own_slot < 0 && m->moves->incoming[i].peer == eplb_box_rank(box, n))
        m->letters[used++] = i; /* transfers are in the order of tags */
  }
}

static void gather(const eplb_piece_t *piece, int pieces, char *to) {
  for (int i = 0; i < pieces; to += piece[i++].length)
    memcpy(to, piece[i].address, piece[i].length);
}

static void scatter(const eplb_piece_t *piece, int pieces, const char *from) {
  for (int i = 0; i < pieces; from += piece[i++].length)
    memcpy(piece[i].address, from, piece[i].length);
}

/* Puts one chunk into a cell; whether there was one. */
static int send_copy(eplb_mover_t *m, eplb_outgoing_t *out) {
  int cell;
  char *bytes = eplb_box_take(m->session->box, &cell);
  if (!bytes)
    return 0;
  size_t begin, end;
  eplb_mover_chunk(m, out->layer, out->chunk_bytes, out->posted, &begin, &end);
  int pieces =
      eplb_place_pieces(m->session, out->layer, &out->place, eplb_mover_outgoing_hash(m, out), begin, end, m->piece);
  gather(m->piece, pieces, bytes);
  eplb_mover_note(m, eplb_session_fault(m->session, EPLB_STEP_SEND, bytes, end - begin));
  eplb_box_post(m->session->box, out->peer,
                &(eplb_letter_t){.cell = cell, .tag = out->tag, .chunk = out->posted, .count = 1});
  out->posted++;
  return 1;
}

/* Whether the receiver can get at the bytes where they lie; notes where that is. */
static int locate(const eplb_session_t *s, const char *address, size_t bytes, eplb_letter_t *letter) {
  if (eplb_regions_find(s->regions, address, bytes, &letter->region, &letter->offset))
    return 1;
  letter->region = -1;
  letter->offset = (size_t)(uintptr_t)address;
  return bytes >= EPLB_FETCH_LEAST && eplb_fetcher_reaches(s->fetcher, address, bytes);
}

/* Tells the receiver where to fetch as many of the next `ready` chunks as lie in one tensor: it has them without a copy
 * by this rank. Weights stay as they are until all ranks have what they wanted. How many. */
static int64_t show(eplb_mover_t *m, eplb_outgoing_t *out, int64_t ready) {
  size_t begin, end, length;
  eplb_mover_chunk(m, out->layer, out->chunk_bytes, out->posted, &begin, &end);
  if (begin >= m->session->layer[out->layer].expert_bytes)
    return 0;
  char *address = eplb_place_piece(m->session, out->layer, &out->place, begin, &length);
  eplb_letter_t letter = {.cell = -1, .tag = out->tag, .chunk = out->posted};
  size_t shown = 0;
  for (; letter.count < ready && end - begin <= length; letter.count++) {
    shown = end - begin;
    size_t next;
    if (letter.count + 1 < ready)
      eplb_mover_chunk(m, out->layer, out->chunk_bytes, out->posted + letter.count + 1, &next, &end);
  }
  if (!shown || !locate(m->session, address, shown, &letter))
    return 0;
  eplb_mover_note(m, eplb_session_fault(m->session, EPLB_STEP_SEND, address, shown));
  eplb_box_post(m->session->box, out->peer, &letter);
  out->posted += letter.count;
  return letter.count;
}

int eplb_letters_send(eplb_mover_t *m, eplb_outgoing_t *out) {
  int64_t ready = eplb_mover_ready_chunks(m, out) - out->posted;
  if (ready <= 0 || !eplb_box_has_room(m->session->box, out->peer))
    return 0;
  if (!show(m, out, ready) && !send_copy(m, out))
    return 0;
  m->messages[out->link]++;
  return 1;
}

/* Gets the next chunk of an incoming expert from where the letter says. */
static void open_letter(eplb_mover_t *m, int neighbour, const eplb_letter_t *letter, eplb_incoming_t *in) {
  const eplb_session_t *s = m->session;
  size_t first, begin, end;
  eplb_mover_chunk(m, in->layer, in->chunk_bytes, letter->chunk, &first, &end);
  eplb_mover_chunk(m, in->layer, in->chunk_bytes, in->arrived, &begin, &end);
  int pieces = eplb_place_pieces(s, in->layer, &in->place, &in->hash, begin, end, m->piece);
  size_t at = letter->offset + begin - first;
  if (letter->cell >= 0)
    scatter(m->piece, pieces, eplb_box_cell(s->box, neighbour, letter));
  else if (letter->region >= 0)
    scatter(m->piece, pieces, eplb_regions_at(s->regions, neighbour, letter->region, at));
  else /* in one tensor there, so in one piece here */
    eplb_mover_note(m, eplb_fetch(s->fetcher, neighbour, at, m->piece[0].address, m->piece[0].length));
}

/* One chunk of a neighbour's next letter, if there is one. */
static int receive_chunk(eplb_mover_t *m, int neighbour) {
  eplb_box_t *box = m->session->box;
  eplb_letter_t letter;
  if (!eplb_box_peek(box, neighbour, &letter))
    return 0;
  eplb_incoming_t *in = &m->moves->incoming[m->letters[m->letters_begin[neighbour] + letter.tag]];
  open_letter(m, neighbour, &letter, in);
  if (in->arrived + 1 == letter.chunk + letter.count)
    eplb_box_free(box, neighbour);
  eplb_mover_note(m, eplb_session_fault(m->session, EPLB_STEP_RECEIVE, m->piece[0].address, m->piece[0].length));
  eplb_mover_arrived(m, in);
  return 1;
}

int eplb_letters_receive(eplb_mover_t *m) {
  int any = 0;
  for (int n = 0; n < eplb_box_neighbours(m->session->box); n++)
    any |= receive_chunk(m, n);
  return any;
}
