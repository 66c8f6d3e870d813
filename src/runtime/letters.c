#include "runtime/letters.h"
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

int eplb_letters_send(eplb_mover_t *m, eplb_outgoing_t *out) {
  int cell;
  if (out->posted >= eplb_mover_ready_chunks(m, out))
    return 0;
  char *bytes = eplb_box_take(m->session->box, &cell);
  if (!bytes)
    return 0;
  size_t begin, end;
  eplb_mover_chunk(m, out->layer, out->peer, out->posted, &begin, &end);
  int pieces =
      eplb_place_pieces(m->session, out->layer, &out->place, eplb_mover_outgoing_hash(m, out), begin, end, m->piece);
  gather(m->piece, pieces, bytes);
  eplb_mover_note(m, eplb_session_fault(m->session, EPLB_STEP_SEND, bytes, end - begin));
  eplb_box_post(m->session->box, out->peer, &(eplb_letter_t){cell, out->tag, out->posted, end - begin});
  out->posted++;
  m->messages[out->link]++;
  return 1;
}

/* One letter of a neighbour, if there is one. */
static int receive_letter(eplb_mover_t *m, int neighbour) {
  eplb_box_t *box = m->session->box;
  eplb_letter_t letter;
  const char *bytes = eplb_box_read(box, neighbour, &letter);
  if (!bytes)
    return 0;
  eplb_incoming_t *in = &m->moves->incoming[m->letters[m->letters_begin[neighbour] + letter.tag]];
  size_t begin, end;
  eplb_mover_chunk(m, in->layer, in->peer, letter.chunk, &begin, &end);
  int pieces = eplb_place_pieces(m->session, in->layer, &in->place, &in->hash, begin, end, m->piece);
  scatter(m->piece, pieces, bytes);
  eplb_box_free(box, neighbour);
  eplb_mover_note(m, eplb_session_fault(m->session, EPLB_STEP_RECEIVE, m->piece[0].address, m->piece[0].length));
  eplb_mover_arrived(m, in);
  return 1;
}

int eplb_letters_receive(eplb_mover_t *m) {
  int any = 0;
  for (int n = 0; n < eplb_box_neighbours(m->session->box); n++)
    any |= receive_letter(m, n);
  return any;
}
