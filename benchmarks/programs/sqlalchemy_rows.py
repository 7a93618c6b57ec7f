# SPDX-License-Identifier: Apache-2.0
"""COUNT objects written to SQLite in memory and read again with SQLAlchemy's ORM."""

import sys

from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")


def main(count):
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for i in range(count):
            books = [Book(title=f"book {i} {j}") for j in range(3)]
            session.add(Author(name=f"author {i}", books=books))
        session.commit()
        total = 0
        for author in session.scalars(select(Author).order_by(Author.name)):
            total += sum(len(book.title) for book in author.books)
        for i in range(count // 4):
            query = select(func.count()).select_from(Book).join(Author)
            total += session.scalar(query.where(Author.name == f"author {i}"))
        print(total)


main(int(sys.argv[1]))
