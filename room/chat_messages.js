// The chat's bubbles (room/chat_view.py), and those of what is read again (room/read_again.py).
// Text is only ever set as textContent, never as HTML.

const MOST = 200; // bubbles of the live chat; older ones are removed
const MOST_HELD = 200; // that wait while one reads
const MOST_OWN = 500; // own messages that are remembered in this browser
const SPEAK = 5000; // milliseconds between two sentences for those who hear the page
const FAR = 40; // pixels that one has to scroll up for the chat to wait

const make = (kind, name, text, parent) => {
  const element = document.createElement(kind);
  element.className = name;
  element.textContent = text;
  parent?.append(element);
  return element;
};

export default {
  template: '<div class="chat-frame"></div>',
  props: { live: Boolean, topic: String, invitation: String },
  mounted() {
    this.scroller = make("div", "chat-scroll", "", this.$el);
    this.list = make("div", "chat", "", this.scroller);
    this.list.setAttribute("role", "log");
    this.list.setAttribute("aria-label", "messages");
    this.list.setAttribute("aria-live", "off"); // too many to hear: see `speak`
    this.empty = make("div", "invitation muted", this.invitation || "", this.list);
    this.clear();
    this.$el.addEventListener("pointerdown", (event) => {
      this.pressed = event.target.closest(".bubble");
    });
    this.$el.addEventListener("click", (event) => {
      // The record that was under the pointer when it went down.
      const bubble = event.detail ? this.pressed : event.target.closest(".bubble");
      if (event.target.closest(".bubble") && bubble?.dataset.offset) this.open(bubble);
    });
    this.$el.addEventListener("keydown", (event) => this.press(event));
    this.$el.addEventListener("focusin", (event) => {
      if (event.target.classList.contains("bubble")) this.point(event.target);
    });
    if (this.live) this.beLive();
  },
  unmounted() {
    for (const [name, listener] of this.listeners || []) window.removeEventListener(name, listener);
  },
  methods: {
    clear() {
      for (const bubble of this.bubbles?.values() || []) bubble.remove();
      this.bubbles = new Map(); // by partition/offset
      this.held = [];
      this.heldAway = 0; // messages that came while one read, and were too many to be held
      this.empty.hidden = false;
    },
    // ---- the keyboard: one bubble is where Tab stops, arrows go from it to the others
    point(bubble) {
      for (const each of this.list.querySelectorAll('.bubble[tabindex="0"]')) each.tabIndex = -1;
      if (bubble) bubble.tabIndex = 0;
    },
    press(event) {
      const bubble = event.target;
      if (!bubble.classList.contains("bubble")) return;
      const next = {
        ArrowUp: bubble.previousElementSibling,
        ArrowDown: bubble.nextElementSibling,
        Home: this.list.querySelector(".bubble"),
        End: this.list.lastElementChild,
      }[event.key];
      if (next?.classList.contains("bubble")) next.focus();
      else if ((event.key === "Enter" || event.key === " ") && bubble.dataset.offset) {
        this.open(bubble);
      } else if (event.key === "Escape" && this.live) this.resume();
      else if (!/^(Arrow|Home|End|Enter| )/.test(event.key)) return;
      event.preventDefault();
    },
    open(bubble) {
      const { topic, partition, offset } = bubble.dataset;
      this.$emit("inspect", [topic, Number(partition), Number(offset)]);
    },
    // ---- the live chat: it waits while one reads, and one's own messages come at once
    beLive() {
      this.voice = make("div", "unseen voice", "", this.$el);
      this.voice.setAttribute("role", "status");
      this.unheard = 0;
      this.reasons = new Set();
      this.pending = new Map();
      this.more = make("button", "more-messages", "", this.$el);
      this.more.type = "button";
      this.more.hidden = true;
      this.more.addEventListener("click", () => this.resume());
      const hold = (reason, on) => {
        if (on) this.reasons.add(reason);
        else this.reasons.delete(reason);
        if (!this.reasons.size) this.release();
      };
      this.scroller.addEventListener("pointerenter", (event) => {
        if (event.pointerType === "mouse") hold("hover", true);
      });
      this.scroller.addEventListener("pointerleave", () => hold("hover", false));
      this.scroller.addEventListener("focusin", () => hold("focus", true));
      // Later: what is drawn while the focus moves would be one more stop on its way.
      this.scroller.addEventListener("focusout", () => {
        setTimeout(() => hold("focus", this.scroller.contains(document.activeElement)));
      });
      this.scroller.addEventListener("scroll", () => {
        hold("scroll", this.scroller.scrollTop < -FAR);
      });
      this.listeners = [
        ["room-say", (event) => this.say(event.detail)],
        ["room-settle", (event) => this.settle(event.detail)],
        ["storage", () => this.paintOwn()],
      ];
      for (const [name, listener] of this.listeners) window.addEventListener(name, listener);
      // A tab in the background gets the chat only.
      document.addEventListener("visibilitychange", () => this.$emit("sight", !document.hidden));
    },
    // The latest message, and how many there were: a sentence now and then, never a flood. What
    // was there when the page was opened is not said.
    speak(messages) {
      const before = this.latest;
      this.latest = messages.at(-1) || before;
      if (!before || !messages.length) return;
      this.unheard += messages.length;
      this.speaking ??= setTimeout(() => {
        const { sender, text } = this.latest;
        const count = this.unheard === 1 ? "" : `${this.unheard} new messages, the last by `;
        this.voice.textContent = `${count}${sender}: ${text}`;
        this.unheard = 0;
        this.speaking = undefined;
      }, SPEAK);
    },
    resume() {
      this.reasons.clear();
      this.scroller.scrollTop = 0;
      document.activeElement?.closest?.(".chat-frame") && document.activeElement.blur();
      this.release();
    },
    release() {
      const held = this.held;
      this.held = [];
      this.heldAway = 0;
      for (const message of held) this.draw(message);
      this.tell();
    },
    tell() {
      const waiting = this.held.length + this.heldAway;
      this.more.hidden = waiting === 0;
      this.more.textContent = `${waiting.toLocaleString("en")} new ↓`;
    },
    add(messages) {
      if (this.live) this.speak(messages);
      if (this.live) this.ownKeys = new Set(this.own());
      if (!this.live || !this.reasons.size) {
        for (const message of messages) this.draw(message);
        return;
      }
      this.held.push(...messages);
      const excess = Math.max(this.held.length - MOST_HELD, 0);
      this.held.splice(0, excess);
      this.heldAway += excess;
      this.tell();
    },
    say({ id, name, text, colour }) {
      this.resume();
      const bubble = this.make({ sender: name, text, time: "", note: "sending", colour });
      bubble.classList.add("own", "pending");
      bubble.dataset.moment = Infinity;
      this.list.append(bubble);
      this.pending.set(id, bubble);
      this.empty.hidden = true;
    },
    settle({ id, message }) {
      this.pending.get(id)?.remove();
      this.pending.delete(id);
      if (!message) return;
      const own = [...this.own(), this.key(message)].slice(-MOST_OWN);
      localStorage.setItem("room-own", JSON.stringify(own));
      this.draw(message);
      this.paintOwn();
    },
    own() {
      try {
        return JSON.parse(localStorage.getItem("room-own")) || [];
      } catch {
        return [];
      }
    },
    paintOwn() {
      for (const key of this.own()) this.bubbles.get(key)?.classList.add("own");
    },
    // ---- drawing
    key({ topic, partition, offset }) {
      return `${topic}/${partition}/${offset}`;
    },
    draw(message) {
      const key = this.key(message);
      if (this.bubbles.has(key)) return;
      const bubble = this.make(message);
      if (this.ownKeys?.has(key)) bubble.classList.add("own");
      bubble.dataset.moment = message.moment;
      this.bubbles.set(key, bubble);
      this.empty.hidden = true;
      this.place(bubble, message.moment);
      while (this.live && this.bubbles.size > MOST) {
        const oldest = this.list.querySelector(".bubble");
        if (!this.bubbles.delete(oldest.dataset.key)) break;
        oldest.remove();
      }
      if (!this.list.contains(document.activeElement)) this.point(this.list.lastElementChild);
    },
    // By time: what another partition brings may be older than what is there. What is read again
    // stays in the order in which it was read.
    place(bubble, moment) {
      let before = null;
      for (
        let each = this.list.lastElementChild;
        this.live && each?.dataset.moment > moment;
        each = each.previousElementSibling
      ) {
        before = each;
      }
      this.list.insertBefore(bubble, before);
    },
    make(message) {
      const bubble = make("div", `bubble ${message.kind || ""}`, "");
      bubble.tabIndex = -1;
      bubble.setAttribute("role", "button");
      const head = make("div", "bubble-head", "", bubble);
      make("span", "bubble-sender", message.sender, head).style.background = message.colour;
      const time = message.moment && new Date(message.moment * 1000).toLocaleTimeString("en-GB");
      make("span", "bubble-time", time || "", head);
      make("div", "bubble-text", message.text, bubble);
      const foot = make("div", "bubble-place", "", bubble);
      if (message.offset !== undefined) {
        for (const name of ["topic", "partition", "offset"]) bubble.dataset[name] = message[name];
        bubble.dataset.key = this.key(message);
        foot.textContent = `partition ${message.partition} · offset ${message.offset}`;
      }
      make("b", "bubble-note", message.note || "", foot);
      return bubble;
    },
    mark(marks) {
      for (const [key, note] of marks) {
        const bubble = this.bubbles.get(key);
        if (bubble) {
          bubble.classList.add("marked");
          bubble.querySelector(".bubble-note").textContent = note;
        }
        const held = this.held.find((message) => this.key(message) === key);
        if (held) Object.assign(held, { kind: "marked", note });
      }
    },
  },
};
